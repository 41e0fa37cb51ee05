"""Who and what the demo is about: lists, one line per thing. Days count from the first day of its history."""
# ruff: noqa: E501

from typing import NamedTuple

from accounts.roles import Role
from controlcenter.resources.models import TeamApp, Visibility

DEMO_PASSWORD = "control-center-demo"  # noqa: S105  (printed for everyone: the demo keeps no secrets)
DAYS = 183
SUPPORT = "support"

ADMINISTRATOR, CONTRIBUTOR, TEAM_CONTRIBUTOR, USER, AUDITOR, FINANCE = Role
PRIVATE, ORGANIZATION, PUBLIC = Visibility
FULL, TRAINER, LEAD, WORKER = TeamApp.Access


class Organization(NamedTuple):
    """A customer. ``share`` is its part of all entries, ``hour`` when its working day begins in UTC."""

    slug: str
    name: str
    first_plan: str
    plan: str
    share: float
    hour: int
    office: str
    network: str


class Person(NamedTuple):
    """Somebody with a user; ``energy`` is their part of the organization's work."""

    slug: str
    first_name: str
    last_name: str
    organization: str
    role: Role
    energy: int
    day: float
    signs_in: bool = False

    @property
    def email(self) -> str:
        """The address they sign in with."""
        return f"{self.slug}@{'controlcenter' if self.slug == SUPPORT else self.organization}.example"


class App(NamedTuple):
    """An app from its first to its last day; ``words`` are what its models and workflows are named after."""

    organization: str
    slug: str
    description: str
    visibility: Visibility
    popularity: int
    day: float
    last_day: float | None
    senses: str
    words: str
    duplicate_of: str = ""


class Team(NamedTuple):
    """A team with its members and the access it has to apps."""

    organization: str
    slug: str
    name: str
    members: str
    apps: dict[str, TeamApp.Access]


class Token(NamedTuple):
    """A token, whose it is, and the address and program that use it."""

    organization: str
    name: str
    owner: str
    scopes: str
    day: float
    address: str
    agent: str


class Cluster(NamedTuple):
    """A compute cluster and its nodepools, each with an instance type."""

    organization: str
    slug: str
    name: str
    provider: str
    region: str
    nodepools: dict[str, str]


# fmt: off
ORGANIZATIONS = (
    Organization("acme",    "Acme Robotics",     "professional", "enterprise",   0.81, 7,  "198.51.100.24",  "2001:db8:71:22"),
    Organization("globex",  "Globex Logistics",  "essential",    "professional", 0.15, 13, "198.51.100.87",  "2001:db8:9b:1"),
    Organization("initech", "Initech Documents", "community",    "community",    0.04, 15, "198.51.100.203", "2001:db8:1e7:4"),
)

PEOPLE = (
    Person("ana",     "Ana",     "Castillo",   "acme",    ADMINISTRATOR,    14, 0.0, True),
    Person("ben",     "Ben",     "Okafor",     "acme",    CONTRIBUTOR,      24, 0.2, True),
    Person("cleo",    "Cleo",    "Marchetti",  "acme",    TEAM_CONTRIBUTOR, 13, 0.3, True),
    Person("omar",    "Omar",    "Haddad",     "acme",    USER,             5,  1.1, True),
    Person("audra",   "Audra",   "Lindqvist",  "acme",    AUDITOR,          4,  2.2, True),
    Person("finn",    "Finn",    "Gallagher",  "acme",    FINANCE,          2,  2.3, True),
    Person("priya",   "Priya",   "Raman",      "acme",    CONTRIBUTOR,      16, 0.4),
    Person("jonas",   "Jonas",   "Brandt",     "acme",    CONTRIBUTOR,      12, 1.2),
    Person("lena",    "Lena",    "Sørensen",   "acme",    CONTRIBUTOR,      10, 3.1),
    Person("noor",    "Noor",    "van Dijk",   "acme",    TEAM_CONTRIBUTOR, 9,  4.2),
    Person("mateo",   "Mateo",   "Silva",      "acme",    TEAM_CONTRIBUTOR, 8,  9.3),
    Person("tomas",   "Tomás",   "Herrera",    "acme",    CONTRIBUTOR,      6,  1.4),
    Person("gina",    "Gina",    "Moretti",    "globex",  ADMINISTRATOR,    14, 0.1, True),
    Person("hugo",    "Hugo",    "Lambert",    "globex",  CONTRIBUTOR,      12, 0.6),
    Person("yuki",    "Yuki",    "Tanaka",     "globex",  TEAM_CONTRIBUTOR, 8,  3.4),
    Person("ian",     "Ian",     "McAllister", "initech", ADMINISTRATOR,    10, 0.1, True),
    Person("petra",   "Petra",   "Nováková",   "initech", CONTRIBUTOR,      6,  5.2),
)
LEAVES = {"tomas": 128.4}
MARRIES = ("priya", "Raman-Oduya", 101.3)
STAFF = Person(SUPPORT, "Sam", "Whitaker", "", USER, 0, 0.0, True)
CONTRACTOR = Person("samir", "Samir", "Nasser", "contractor", ADMINISTRATOR, 0, 9.3471)

APPS = (
    App("acme", "visual-inspection",  "Surface defects on the stamping line",    PRIVATE,      30, 1.0,  None,  "image", "defect scratch weld part surface"),
    App("acme", "document-intake",    "Invoices, delivery notes and claims",     PRIVATE,      24, 1.1,  None,  "text",  "invoice delivery-note claim table signature"),
    App("acme", "retail-shelf-audit", "Shelf gaps and planogram checks",         PRIVATE,      18, 1.2,  None,  "image", "shelf gap planogram price-tag"),
    App("acme", "support-triage",     "Routes tickets by topic and urgency",     ORGANIZATION, 14, 2.1,  None,  "text",  "topic urgency language sentiment"),
    App("acme", "wildlife-census",    "Camera-trap species counts",              PUBLIC,       12, 2.3,  None,  "image", "species herd night-shot track"),
    App("acme", "ad-moderation",      "Policy checks on creatives",              PRIVATE,      9,  5.2,  None,  "image", "policy logo nudity slogan"),
    App("acme", "call-notes",         "Speech to structured notes",              PRIVATE,      8,  8.3,  None,  "audio", "speaker summary action-item"),
    App("acme", "safety-gear",        "Helmets and vests at the gates",          PRIVATE,      9,  12.1, None,  "image", "helmet vest gate forklift"),
    App("acme", "warehouse-counts",   "Pallet and bin counting",                 PRIVATE,      7,  16.2, None,  "image", "pallet bin barcode aisle"),
    App("acme", "legacy-ocr",         "Read-only since August",                  PRIVATE,      6,  1.3,  96.4,  "text",  "page stamp form"),
    App("acme", "claims-photos",      "Vehicle damage estimates",                PRIVATE,      6,  24.1, None,  "image", "dent windshield plate bumper"),
    App("acme", "hackathon-drones",   "Roof surveys from the air",               ORGANIZATION, 5,  33.2, 61.3,  "image", "roof gutter panel"),
    App("acme", "seed-quality",       "Grain grading from scans",                ORGANIZATION, 5,  41.3, None,  "image", "grain husk moisture"),
    App("acme", "sandbox",            "Anything goes",                           ORGANIZATION, 8,  3.2,  None,  "text",  "trial toy draft scratchpad"),
    App("acme", "weld-monitor",       "Seam quality from thermal video",         PRIVATE,      5,  52.1, 141.2, "image", "seam spatter heat"),
    App("acme", "inspection-line-4",  "Surface defects on the stamping line",    PRIVATE,      6,  88.3, 171.6, "image", "defect scratch weld part", "visual-inspection"),
    App("globex", "parcel-sorting",   "Parcels by size and address label",       PRIVATE,      14, 1.1,  None,  "image", "parcel label damage size"),
    App("globex", "dock-safety",      "People and forklifts at the docks",       PRIVATE,      10, 2.2,  None,  "image", "dock person forklift"),
    App("globex", "returns-grading",  "Condition of returned goods",             ORGANIZATION, 7,  15.3, None,  "image", "return condition box"),
    App("globex", "customs-papers",   "Tariff codes from waybills",              PRIVATE,      7,  30.1, None,  "text",  "tariff waybill origin"),
    App("globex", "fleet-damage",     "Dents and scratches at handover",         PRIVATE,      5,  47.2, None,  "image", "dent tyre mirror"),
    App("globex", "route-pilot",      "Arrival times, first attempt",            PRIVATE,      4,  4.2,  74.3,  "text",  "route arrival"),
    App("initech", "printer-triage",  "Which printer jams, and why",             PRIVATE,      10, 1.1,  None,  "text",  "jam toner tray"),
    App("initech", "cover-sheets",    "Finds reports without a cover sheet",     PRIVATE,      7,  6.2,  None,  "text",  "cover-sheet memo report"),
    App("initech", "expense-receipts", "Totals and dates from receipts",         ORGANIZATION, 5,  38.3, None,  "text",  "receipt total vendor"),
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
    Team("initech", "paperwork", "Paperwork", "ian petra", {"cover-sheets": FULL}),
)

TOKENS = (
    Token("acme", "ci-deploy", "ben", "models:write workflows:write apps:read", 1.5, "192.0.2.44", "clarifai-python/11.9"),
    Token("acme", "nightly-ingest", "priya", "workflows:write modules:write", 2.4, "2001:db8:a1:7::1f", "python-httpx/0.28.1"),
    Token("acme", "training-service", "ana", "models:train models:write", 1.5, "192.0.2.91", "clarifai-python/11.9"),
    Token("acme", "edge-camera-sync", "jonas", "models:write", 5.3, "203.0.113.77", "curl/8.14.1"),
    Token("globex", "fleet-sync", "hugo", "models:train models:write workflows:write", 1.4, "198.51.100.140", "clarifai-python/11.9"),
    Token("initech", "scanner", "ian", "models:train models:write", 1.3, "2001:db8:1e7::20", "curl/8.7.1"),
)
TRAINERS = {"acme": "training-service", "globex": "fleet-sync", "initech": "scanner"}
REVOKED, REVOKED_ON = "edge-camera-sync", 118.4

CLUSTERS = (
    Cluster("acme", "gpu-east", "GPU east", "aws", "us-east-1", {"l4-serving": "g6.xlarge", "a100-batch": "p4d.24xlarge"}),
    Cluster("acme", "plant-2-edge", "Plant 2 edge", "on-premises", "plant-2", {"jetson-line": "jetson-agx-orin"}),
    Cluster("globex", "docks", "Docks", "gcp", "europe-west4", {"t4-serving": "n1-standard-8-t4"}),
)

# Whom an organization asked to join who has not, and how it ended: "" for not yet.
INVITATIONS = (
    ("acme", "aiko@fjord.example", TEAM_CONTRIBUTOR, "cancelled", 57.2),
    ("acme", "derek@agency.example", USER, "declined", 92.3),
    ("acme", "rosa@acme.example", CONTRIBUTOR, "", 180.2),
    ("globex", "lars@globex.example", USER, "", 178.4),
)

# App, user from outside, scopes, day.
COLLABORATORS = (
    ("visual-inspection", "samir", "apps:read models:read models:train", 11.2),
    ("retail-shelf-audit", "gina", "apps:read models:read", 26.4),
    ("wildlife-census", "hugo", "apps:read workflows:read", 44.3),
    ("parcel-sorting", "priya", "apps:read models:read models:write", 51.3),
)

KINDS = {  # What models sense → (end of a model's name, model type)
    "image": (("classifier", "visual-classifier"), ("detector", "visual-detector"), ("segmenter", "visual-segmenter"),
              ("embedder", "visual-embedder")),
    "text": (("classifier", "text-classifier"), ("reader", "optical-character-recognizer"), ("tagger", "text-tagger"),
             ("embedder", "text-embedder")),
    "audio": (("transcriber", "audio-to-text"), ("classifier", "audio-classifier"), ("summarizer", "text-to-text")),
}
WORKFLOW_ENDS = ("pipeline", "review", "routing", "nightly")
MODULES = ("review-queue", "label-board", "drift-report", "live-preview", "cost-explorer")

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME}",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/142.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
)
PHONES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
)
# fmt: on

DESCRIPTIONS = (
    "Retrained with last week's images",
    "Better on backlit scenes",
    "Threshold lowered to 0.45",
    "Fewer false alarms at shift change",
    "Second annotator agreed on all labels",
    "Balanced classes, smaller input",
    "Nightly data, no manual changes",
    "Candidate for the pilot line",
    "Falls back to the previous model on low confidence",
    "Adds the classes the auditors asked for",
)
REASONS = (
    "Replaced by its successor",
    "Nobody has used it since the pilot",
    "Trained on the wrong data set",
    "Asked for by the line manager",
    "Clean-up after the review",
)
TRAINING_FAILURES = (
    "Out of GPU memory in epoch 3 of 20.",
    "Two classes have fewer than 10 labelled inputs.",
    "The data set version was deleted while training.",
    "Loss did not converge within 50 epochs.",
)
NAME_ENDS = ("line 3", "EU", "new camera", "v2 data", "pilot")
LOG_QUERIES = (
    "range=7d",
    "range=today",
    "range=30d",
    "app=visual-inspection&range=month",
    "app=document-intake&app=retail-shelf-audit&range=14d",
    "range=last-month",
    "range=3m",
)
