-- Schema 1 of Crane's fact library. Moments are Unix milliseconds. A change to this file needs a new VERSION, a step in
-- schema.rs and a frozen copy in tests/golden/library.

-- The library itself: one row. last_key: the largest key id ever given out; an id is never used twice.
CREATE TABLE library (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    id         BLOB NOT NULL CHECK (length(id) = 16),
    created_at INTEGER NOT NULL,
    encoders   BLOB NOT NULL CHECK (length(encoders) = 32),
    head       BLOB NOT NULL CHECK (length(head) = 32),
    raw_dim    INTEGER NOT NULL CHECK (raw_dim BETWEEN 1 AND 16384),
    last_key   INTEGER NOT NULL CHECK (last_key >= 0)
) STRICT;

-- Facts as they stand now. state: 0 active, 1 disabled, 2 superseded, 3 deleted, 4 forgotten.
-- origin, of an imported fact: 1 byte trusted or not, 32 the signer's key or zeroes, 32 the pack's digest.
-- crc is over all other columns but n: a flipped bit on the medium is noticed when the fact is read.
CREATE TABLE facts (
    n           INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    statement   TEXT NOT NULL,
    subject     TEXT,
    target      TEXT,
    source      TEXT,
    note        TEXT,
    state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
    supersedes  BLOB CHECK (length(supersedes) = 16),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    valid_from  INTEGER,
    valid_until INTEGER,
    origin      BLOB CHECK (length(origin) = 65),
    crc         INTEGER NOT NULL
) STRICT;
CREATE INDEX facts_by_creation ON facts (created_at);
CREATE INDEX facts_by_subject ON facts (subject COLLATE NOCASE) WHERE subject IS NOT NULL;
CREATE INDEX facts_by_source ON facts (source) WHERE source IS NOT NULL;

-- What facts are found by. Vectors never change; live says whether the key is part of its fact at present.
-- modality: 0 image, 1 text. vector: 256 little-endian f16. crc is over all other columns: of id, fact, modality, text and
-- vector, inverted while live is 0.
CREATE TABLE keys (
    id       INTEGER PRIMARY KEY,
    fact     BLOB NOT NULL CHECK (length(fact) = 16),
    modality INTEGER NOT NULL CHECK (modality IN (0, 1)),
    live     INTEGER NOT NULL CHECK (live IN (0, 1)),
    text     TEXT,
    vector   BLOB NOT NULL CHECK (length(vector) = 512),
    crc      INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_by_fact ON keys (fact);

-- What a vector was made from, apart so that rebuilding an index reads little. raw: little-endian f16.
CREATE TABLE originals (
    key       INTEGER PRIMARY KEY,
    raw       BLOB NOT NULL,
    thumbnail BLOB,
    crc       INTEGER NOT NULL
) STRICT;

-- The history: one row per change, never updated, each digest over the one before.
CREATE TABLE changes (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    op     TEXT NOT NULL,
    undoes INTEGER,
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE INDEX changes_by_undoes ON changes (undoes) WHERE undoes IS NOT NULL;

-- What a change did to each fact, in the order in which it was done: JSON before and after; for an import also past, JSON
-- of the fact's history in the library that it was exported from. Forgetting a fact erases these and the salt of all its
-- revisions; the digest stays, and says nothing without the salt.
CREATE TABLE revisions (
    n      INTEGER PRIMARY KEY,
    change INTEGER NOT NULL,
    fact   BLOB NOT NULL CHECK (length(fact) = 16),
    before TEXT,
    after  TEXT,
    past   TEXT,
    salt   BLOB,
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE INDEX revisions_by_change ON revisions (change);
CREATE INDEX revisions_by_fact ON revisions (fact);

-- What remains of forgotten facts.
CREATE TABLE receipts (
    fact   BLOB PRIMARY KEY CHECK (length(fact) = 16),
    at     INTEGER NOT NULL,
    change INTEGER NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;

-- The index files that count: digest is SHA-256 of the file's header.
CREATE TABLE generations (
    modality   INTEGER PRIMARY KEY CHECK (modality IN (0, 1)),
    generation INTEGER NOT NULL CHECK (generation > 0),
    change     INTEGER NOT NULL CHECK (change >= 0),
    digest     BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

-- Full text of facts for people; derived. No triggers: a statement with triggers runs in a savepoint of its own, at which
-- FTS5 writes out all it holds in memory, so that bulk imports would take several times as long.
CREATE VIRTUAL TABLE fact_text USING fts5 (
    statement, subject, target, source, note,
    content = 'facts', content_rowid = 'n', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO fact_text (fact_text, rank) VALUES ('secure-delete', 1);
