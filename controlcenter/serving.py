"""How gunicorn serves: `gunicorn --config python:controlcenter.serving`; `make run` does so, too.

GUNICORN_CMD_ARGS="--bind … --workers 4" or arguments change what a server has to have otherwise.
"""

wsgi_app = "controlcenter.wsgi"
worker_class = "gthread"
workers = 2
threads = 8
"""Twice as many as the pool has connections (DATABASE_CONNECTIONS): in a process two exports and two who follow the log
may wait at a time, without a connection, and the other four threads are everybody else's."""
limit_request_line = 8190
"""Bytes, as many as gunicorn and most proxies take. A filter may have 4,000, gunicorn's own limit is 4,094."""
control_socket_disable = True
