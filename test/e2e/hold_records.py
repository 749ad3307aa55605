"""The log of holds as its format says (src/store/hold_log_priv.h), read without the program: for
tests that work balances out again. Checksums are the program's business."""
import json
import struct
from pathlib import Path

RESERVED, POSTED, VOIDED, LAPSED, ROLLED, LIMITED, NOTED, DELIVERED = range(1, 9)
HEAD = struct.Struct("<8sIIQ")
FRAME = struct.Struct("<IQ")
FIXED = struct.Struct("<QQBBBBIQqqq16s")


class Record:
    def __init__(self, fields, scopes, body):
        (self.number, _, self.event, self.cause, _, _, _, self.id, self.amount, self.at, self.until,
         self.case) = fields
        self.scopes, self.body = scopes, body

    def call(self):
        """The row that goes to the ledger; None: there is none."""
        return json.loads(self.body) if self.body else None


def read(home):
    """Every record of every segment that is there, in order; one cut short at the end is left out."""
    out = []
    for path in sorted(Path(home).glob("holds.*.log")):
        data, at = path.read_bytes(), HEAD.size
        assert data.startswith(b"BURSHOLD")
        while at + FRAME.size + FIXED.size <= len(data):
            size, _ = FRAME.unpack_from(data, at)
            begin = at + FRAME.size
            if size < FIXED.size or begin + size > len(data):
                break
            fields = FIXED.unpack_from(data, begin)
            scopes_at = begin + FIXED.size
            body_at = scopes_at + 16 * fields[4]
            scopes = [data[i:i + 16] for i in range(scopes_at, body_at, 16)]
            out.append(Record(fields, scopes, data[body_at:begin + size]))
            at = begin + size
    return out
