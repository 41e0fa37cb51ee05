"""Rows of the shape of an app, one kind recorded by the peer that is measured, and one by nobody."""
