"""Who and what the demo is about: lists, one line per thing. Days count from the first day of its history."""
# ruff: noqa: E501

from collections import namedtuple
from typing import NamedTuple

from accounts.roles import Role
from controlcenter.resources.models import TeamApp, Visibility

DEMO_PASSWORD = "control-center-demo"  # noqa: S105  (printed for everyone: the demo keeps no secrets)
DAYS = 183

ADMINISTRATOR, CONTRIBUTOR, TEAM_CONTRIBUTOR, USER, AUDITOR, FINANCE = Role
PRIVATE, ORGANIZATION, PUBLIC = Visibility
FULL, TRAINER, LEAD, WORKER = TeamApp.Access
MAKERS = (ADMINISTRATOR, CONTRIBUTOR)


class Person(NamedTuple):
    """Somebody with a user, from the day they join on."""

    slug: str
    first_name: str
    last_name: str
    organization: str
    role: Role
    day: float
    signs_in: bool = False

    @property
    def email(self) -> str:
        """The address they sign in with."""
        return f"{self.slug}@{self.organization}.example"


# ``share`` of all entries; ``opens``: the hour (UTC) at which the working day begins.
Organization = namedtuple("Organization", "slug name first_plan plan share opens office")
# From its first to its last day; its models and workflows are named after ``words``.
App = namedtuple("App", "organization slug description visibility day last_day reads words duplicate_of", defaults=[""])
# Its members' slugs, and its access by app.
Team = namedtuple("Team", "organization slug name members apps")
# Whose it is, and the address and program that use it.
Token = namedtuple("Token", "organization name owner scopes day address agent")
# Instance types by nodepool.
Cluster = namedtuple("Cluster", "organization slug name provider region nodepools")

# fmt: off
ORGANIZATIONS = (
    Organization("acme",    "Acme Robotics",     "professional", "enterprise",   0.81, 7,  "198.51.100.24"),
    Organization("globex",  "Globex Logistics",  "essential",    "professional", 0.15, 13, "198.51.100.87"),
    Organization("initech", "Initech Documents", "community",    "community",    0.04, 15, "198.51.100.203"),
)

PEOPLE = (  # an organization's administrator first
    Person("ana",   "Ana",   "Castillo",   "acme",    ADMINISTRATOR,    0.0, True),
    Person("ben",   "Ben",   "Okafor",     "acme",    CONTRIBUTOR,      0.2, True),
    Person("cleo",  "Cleo",  "Marchetti",  "acme",    TEAM_CONTRIBUTOR, 0.3, True),
    Person("omar",  "Omar",  "Haddad",     "acme",    USER,             1.1, True),
    Person("audra", "Audra", "Lindqvist",  "acme",    AUDITOR,          2.2, True),
    Person("finn",  "Finn",  "Gallagher",  "acme",    FINANCE,          2.3, True),
    Person("priya", "Priya", "Raman",      "acme",    CONTRIBUTOR,      0.4),
    Person("jonas", "Jonas", "Brandt",     "acme",    CONTRIBUTOR,      1.2),
    Person("lena",  "Lena",  "Sørensen",   "acme",    CONTRIBUTOR,      3.1),
    Person("noor",  "Noor",  "van Dijk",   "acme",    TEAM_CONTRIBUTOR, 4.2),
    Person("mateo", "Mateo", "Silva",      "acme",    TEAM_CONTRIBUTOR, 9.3),
    Person("tomas", "Tomás", "Herrera",    "acme",    CONTRIBUTOR,      1.4),
    Person("gina",  "Gina",  "Moretti",    "globex",  ADMINISTRATOR,    0.0, True),
    Person("hugo",  "Hugo",  "Lambert",    "globex",  CONTRIBUTOR,      0.3),
    Person("yuki",  "Yuki",  "Tanaka",     "globex",  TEAM_CONTRIBUTOR, 3.2),
    Person("ian",   "Ian",   "McAllister", "initech", ADMINISTRATOR,    0.0, True),
    Person("petra", "Petra", "Nováková",   "initech", CONTRIBUTOR,      5.2),
)
LEAVES = ("tomas", 128.4)
MARRIES = ("priya", "Raman-Oduya", 101.3)
STAFF = Person("support", "Sam",   "Whitaker", "controlcenter", USER, 0.0, True)
CONTRACTOR = Person("samir", "Samir", "Nasser", "contractor", ADMINISTRATOR, 9.3)

APPS = (  # the popular ones first
    App("acme", "visual-inspection",  "Surface defects on the stamping line", PRIVATE,      1.0,  None,  "visual", "defect scratch weld part surface"),
    App("acme", "document-intake",    "Invoices, delivery notes and claims",  PRIVATE,      1.1,  None,  "text",   "invoice delivery-note claim table signature"),
    App("acme", "retail-shelf-audit", "Shelf gaps and planogram checks",      PRIVATE,      1.2,  None,  "visual", "shelf gap planogram price-tag"),
    App("acme", "support-triage",     "Routes tickets by topic and urgency",  ORGANIZATION, 2.1,  None,  "text",   "topic urgency language sentiment"),
    App("acme", "wildlife-census",    "Camera-trap species counts",           PUBLIC,       2.3,  None,  "visual", "species herd night-shot track"),
    App("acme", "ad-moderation",      "Policy checks on creatives",           PRIVATE,      5.2,  None,  "visual", "policy logo nudity slogan"),
    App("acme", "safety-gear",        "Helmets and vests at the gates",       PRIVATE,      12.1, None,  "visual", "helmet vest gate forklift"),
    App("acme", "call-notes",         "Speech to structured notes",           PRIVATE,      8.3,  None,  "text",   "speaker summary action-item"),
    App("acme", "warehouse-counts",   "Pallet and bin counting",              PRIVATE,      16.2, None,  "visual", "pallet bin barcode aisle"),
    App("acme", "legacy-ocr",         "Read-only since August",               PRIVATE,      1.3,  96.4,  "text",   "page stamp form"),
    App("acme", "claims-photos",      "Vehicle damage estimates",             PRIVATE,      24.1, None,  "visual", "dent windshield plate bumper"),
    App("acme", "hackathon-drones",   "Roof surveys from the air",            ORGANIZATION, 33.2, 61.3,  "visual", "roof gutter panel"),
    App("acme", "seed-quality",       "Grain grading from scans",             ORGANIZATION, 41.3, None,  "visual", "grain husk moisture"),
    App("acme", "sandbox",            "Anything goes",                        ORGANIZATION, 3.2,  None,  "text",   "trial toy draft scratchpad"),
    App("acme", "weld-monitor",       "Seam quality from thermal video",      PRIVATE,      52.1, 141.2, "visual", "seam spatter heat"),
    App("acme", "inspection-line-4",  "Surface defects on the stamping line", PRIVATE,      88.3, 171.4, "visual", "defect scratch weld part", "visual-inspection"),
    App("globex", "parcel-sorting",   "Parcels by size and address label",    PRIVATE,      1.1,  None,  "visual", "parcel label damage size"),
    App("globex", "dock-safety",      "People and forklifts at the docks",    PRIVATE,      2.2,  None,  "visual", "dock person forklift"),
    App("globex", "returns-grading",  "Condition of returned goods",          ORGANIZATION, 15.3, None,  "visual", "return condition box"),
    App("globex", "customs-papers",   "Tariff codes from waybills",           PRIVATE,      30.1, None,  "text",   "tariff waybill origin"),
    App("globex", "fleet-damage",     "Dents and scratches at handover",      PRIVATE,      47.2, None,  "visual", "dent tyre mirror"),
    App("globex", "route-pilot",      "Arrival times, first attempt",         PRIVATE,      4.2,  74.3,  "text",   "route arrival"),
    App("initech", "printer-triage",  "Which printer jams, and why",          PRIVATE,      1.1,  None,  "text",   "jam toner tray"),
    App("initech", "cover-sheets",    "Finds reports without a cover sheet",  PRIVATE,      6.2,  None,  "text",   "cover-sheet memo report"),
    App("initech", "expense-receipts", "Totals and dates from receipts",      ORGANIZATION, 38.3, None,  "text",   "receipt total vendor"),
)

TEAMS = (
    Team("acme", "vision", "Vision", "cleo ben noor",
         {"visual-inspection": FULL, "safety-gear": FULL, "seed-quality": FULL}),
    Team("acme", "documents", "Documents", "priya mateo omar",
         {"document-intake": FULL, "claims-photos": TRAINER, "legacy-ocr": WORKER}),
    Team("acme", "field-operations", "Field operations", "jonas noor omar",
         {"wildlife-census": FULL, "warehouse-counts": LEAD, "retail-shelf-audit": WORKER}),
    Team("acme", "language", "Language", "lena mateo", {"support-triage": FULL, "call-notes": TRAINER}),
    Team("globex", "operations", "Operations", "hugo yuki", {"parcel-sorting": FULL, "dock-safety": TRAINER}),
    Team("initech", "paperwork", "Paperwork", "petra", {"cover-sheets": FULL}),
)

TOKENS = (
    Token("acme", "ci-deploy",        "ben",   "models:write workflows:write",  1.5, "192.0.2.44",        "clarifai-python/11.9"),
    Token("acme", "nightly-ingest",   "priya", "workflows:write modules:write", 2.4, "2001:db8:a1:7::1f", "python-httpx/0.28.1"),
    Token("acme", "training-service", "ana",   "models:train models:write",     1.5, "192.0.2.91",        "clarifai-python/11.9"),
    Token("acme", "edge-camera-sync", "jonas", "models:write",                  5.3, "203.0.113.77",      "curl/8.14.1"),
    Token("globex", "fleet-sync",     "hugo",  "models:train models:write",     1.4, "198.51.100.140",    "clarifai-python/11.9"),
    Token("initech", "scanner",       "ian",   "models:train models:write",     1.3, "2001:db8:1e7::20",  "curl/8.7.1"),
)
REVOKED, REVOKED_ON = "edge-camera-sync", 118.4

CLUSTERS = (
    Cluster("acme", "gpu-east", "GPU east", "aws", "us-east-1", {"l4-serving": "g6.xlarge", "a100-batch": "p4d.24xlarge"}),
    Cluster("acme", "plant-2-edge", "Plant 2 edge", "on-premises", "plant-2", {"jetson-line": "jetson-agx-orin"}),
    Cluster("globex", "docks", "Docks", "gcp", "europe-west4", {"t4-serving": "n1-standard-8-t4"}),
)

PENDING_INVITATIONS = (
    ("acme", "rosa@acme.example", CONTRIBUTOR, 180.2),
    ("globex", "lars@globex.example", USER, 178.4),
)

COLLABORATORS = (
    ("acme",   "visual-inspection",  "samir", "apps:read models:read models:train", 11.2),
    ("acme",   "retail-shelf-audit", "gina",  "apps:read models:read",              26.4),
    ("acme",   "wildlife-census",    "hugo",  "apps:read workflows:read",           44.3),
    ("globex", "parcel-sorting",     "priya", "apps:read models:read models:write", 51.3),
)

ENDS = {  # of the names of what apps hold
    "visual": ("classifier", "detector", "segmenter", "embedder"),
    "text": ("classifier", "tagger", "summarizer", "embedder"),
    "workflows": ("pipeline", "review", "routing", "nightly"),
    "modules": ("queue", "board", "report"),
}
NAME_ENDS = ("line 3", "EU", "new camera", "v2 data", "pilot")

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME}",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/142.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
)
# fmt: on

DESCRIPTIONS = (
    "Retrained with last week's images",
    "Better on backlit scenes",
    "Threshold lowered to 0.45",
    "Fewer false alarms at shift change",
    "Nightly data, no manual changes",
)
REASONS = ("", "", "", "Replaced by its successor", "Trained on the wrong data set", "Clean-up after the review")
TRAINING_FAILURES = ("Out of GPU memory in epoch 3 of 20.", "Two classes have fewer than 10 labelled inputs.")
SUPPORT_REASON = "An administrator asked why an operation was refused"
LOG_QUERIES = ("range=7d", "range=today", "range=30d", "range=last-month", "app=visual-inspection&range=month")
