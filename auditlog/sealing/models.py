"""What sealing keeps: places and blocks, which are insert-only as the log is, and what is only remembered."""

from django.db import models


class Seal(models.Model):
    """The place of one entry in its account's order: gap-free, and given once. Whoever tails the log pages on it."""

    pk = models.CompositePrimaryKey("account_id", "seq")
    account_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    entry_id = models.UUIDField()
    leaf = models.BinaryField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("account_id", "entry_id"), name="seal_once_per_entry"),)

    def __str__(self) -> str:
        return f"entry {self.seq} of account {self.account_id}"


class Block(models.Model):
    """Entries that were sealed together. The signed ``head`` is what counts; the columns beside it find it."""

    pk = models.CompositePrimaryKey("account_id", "number")
    account_id = models.BigIntegerField()
    number = models.BigIntegerField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    root = models.BinaryField()
    time = models.DateTimeField()
    horizon = models.BigIntegerField()
    """No transaction before this one was unfinished when the block was made."""
    head = models.BinaryField()
    signature = models.BinaryField()

    class Meta:
        indexes = (models.Index(fields=("account_id", "last_seq"), name="block_by_last_seq"),)

    def __str__(self) -> str:
        return f"block {self.number} of account {self.account_id}"


class SealingKey(models.Model):
    """A public key, in a document signed with the key before it; the first one with itself."""

    place = models.PositiveIntegerField(primary_key=True)
    id_text = models.CharField(max_length=32, unique=True)
    time = models.DateTimeField()
    document = models.BinaryField()
    signature = models.BinaryField()

    def __str__(self) -> str:
        return self.id_text


class Anchor(models.Model):
    """All accounts' heads at some time, under one signed root: to be kept where nobody here can change it."""

    number = models.BigIntegerField(primary_key=True)
    time = models.DateTimeField()
    document = models.BinaryField()
    signature = models.BinaryField()
    heads = models.JSONField()

    def __str__(self) -> str:
        return f"anchor {self.number}"


class Delivery(models.Model):
    """An anchor's way to one place. What failed is tried again."""

    anchor = models.ForeignKey(Anchor, models.DO_NOTHING, db_constraint=False, related_name="deliveries")
    place = models.CharField(max_length=200)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = (models.UniqueConstraint(fields=("anchor", "place"), name="delivery_once_per_place"),)

    def __str__(self) -> str:
        return f"{self.anchor_id} to {self.place}"


class SealerState(models.Model):
    """How far the sealer has come, in which cluster: transaction ids count anew in another one."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    cluster = models.BigIntegerField()
    watermark = models.BigIntegerField()
    time = models.DateTimeField()

    def __str__(self) -> str:
        return f"sealed until {self.time}"


class Stall(models.Model):
    """An account whose sealing has stopped, at an entry that is not what was recorded."""

    account_id = models.BigIntegerField(primary_key=True)
    entry_id = models.UUIDField()
    since = models.DateTimeField()
    reason = models.TextField()

    def __str__(self) -> str:
        return f"account {self.account_id} at entry {self.entry_id}"


class Verification(models.Model):
    """What the last verification of an account's log by ourselves has found."""

    account_id = models.BigIntegerField(primary_key=True)
    time = models.DateTimeField()
    """When it ended."""
    sealed_until = models.DateTimeField(null=True)
    """The time of the last head that was checked: what is newer was not."""
    last_seq = models.BigIntegerField(default=0)
    whole_at = models.DateTimeField(null=True)
    """When everything was last checked from the first entry on."""
    again_seq = models.BigIntegerField(default=0)
    """How far what was checked before has been checked again."""
    status = models.PositiveSmallIntegerField()
    problem = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"account {self.account_id} at {self.time}"
