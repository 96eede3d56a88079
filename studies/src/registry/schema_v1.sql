-- The registry, version 1. Rules that must hold whoever writes are constraints and triggers here, not code:
-- legal moves, fencing epochs that never fall, results that never change, one event for each change.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE studies (
    study_id   INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE CHECK (name <> ''),
    task       TEXT NOT NULL,
    spec_sha   TEXT NOT NULL,
    spec_json  TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What all seeds of a setting share, apart from `runs` so that rows of runs stay short.
CREATE TABLE configs (
    config_id     TEXT PRIMARY KEY CHECK (length(config_id) = 64 AND config_id NOT GLOB '*[^0-9a-f]*'),
    task          TEXT NOT NULL,
    shape_sig     TEXT NOT NULL,
    identity_json TEXT NOT NULL
) STRICT;
CREATE INDEX configs_by_shape ON configs (shape_sig);

-- The moves that exist. A move that is not here aborts.
CREATE TABLE transitions (
    src TEXT NOT NULL,
    dst TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (src, dst)
) STRICT, WITHOUT ROWID;
INSERT INTO transitions (src, dst, why) VALUES
    ('pending',     'running',     'claimed'),
    ('interrupted', 'running',     'claimed'),
    ('deferred',    'running',     'claimed when due'),
    ('running',     'running',     'expired lease taken over'),
    ('running',     'done',        'result published'),
    ('running',     'failed',      'failure, no retry left'),
    ('running',     'deferred',    'rate limit, or back-off before a retry'),
    ('running',     'interrupted', 'signal, time limit, dead worker'),
    ('running',     'pending',     'released before any step'),
    ('running',     'cancelled',   'operator'),
    ('pending',     'done',        'orphan result adopted'),
    ('interrupted', 'done',        'orphan result adopted'),
    ('deferred',    'done',        'orphan result adopted'),
    ('failed',      'done',        'orphan result adopted'),
    ('pending',     'cancelled',   'operator'),
    ('interrupted', 'cancelled',   'operator'),
    ('deferred',    'cancelled',   'operator'),
    ('failed',      'cancelled',   'operator'),
    ('interrupted', 'pending',     'operator retry'),
    ('deferred',    'pending',     'operator retry'),
    ('failed',      'pending',     'operator retry'),
    ('cancelled',   'pending',     'operator retry'),
    ('invalid',     'pending',     'operator retry'),
    ('pending',     'superseded',  'no study refers to it'),
    ('superseded',  'pending',     'a study refers to it again'),
    ('done',        'invalid',     'operator, or its directory vanished');

CREATE TABLE runs (
    run_no         INTEGER PRIMARY KEY,
    run_id         TEXT NOT NULL UNIQUE CHECK (length(run_id) = 64 AND run_id NOT GLOB '*[^0-9a-f]*'),
    config_id      TEXT NOT NULL REFERENCES configs,
    seed           INTEGER NOT NULL, -- the bits of a u64
    state          TEXT NOT NULL CHECK (state IN ('pending', 'running', 'interrupted', 'deferred', 'failed', 'done',
                                                  'cancelled', 'superseded', 'invalid')),
    outcome        TEXT CHECK (outcome IN ('ok', 'diverged')),
    class          TEXT,
    error          TEXT CHECK (length(error) <= 4000),
    fingerprint    TEXT,
    epoch          INTEGER NOT NULL DEFAULT 0, -- the fencing token: one higher with each claim
    lease_until    INTEGER,
    not_before     INTEGER,
    attempts       INTEGER NOT NULL DEFAULT 0,
    retries_used   INTEGER NOT NULL DEFAULT 0,
    accepted_epoch INTEGER, -- the attempt whose result stands
    result_sha     TEXT,
    wall_ms        INTEGER NOT NULL DEFAULT 0, -- spent by all attempts together
    progress       TEXT, -- the last heartbeat's JSON
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    -- What the next event says beside the move itself. Set in the statement that moves, emptied by its trigger.
    event_kind     TEXT,
    actor          TEXT,
    payload        TEXT,
    UNIQUE (config_id, seed),
    CHECK ((state = 'done') = (outcome IS NOT NULL)),
    CHECK ((state = 'done') = (result_sha IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state = 'deferred') = (not_before IS NOT NULL)),
    CHECK (state <> 'failed' OR class IS NOT NULL)
) STRICT;

CREATE INDEX runs_running ON runs (run_no) WHERE state = 'running';

-- `state` is a copy of the run's, kept by a trigger: the two hot questions, counts of a study and its next
-- claimable run, are then one index.
CREATE TABLE study_runs (
    study_id  INTEGER NOT NULL REFERENCES studies,
    run_no    INTEGER NOT NULL REFERENCES runs,
    idx       INTEGER NOT NULL,
    case_name TEXT,
    axes_json TEXT NOT NULL,
    reused    INTEGER NOT NULL CHECK (reused IN (0, 1)), -- was done before this study asked for it
    withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),
    state     TEXT NOT NULL,
    added_at  INTEGER NOT NULL,
    PRIMARY KEY (study_id, run_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX study_runs_next ON study_runs (study_id, withdrawn, state, idx);
CREATE INDEX study_runs_by_idx ON study_runs (study_id, idx);
CREATE INDEX study_runs_by_run ON study_runs (run_no);

CREATE TABLE attempts (
    run_no      INTEGER NOT NULL REFERENCES runs,
    epoch       INTEGER NOT NULL,
    attempt_no  INTEGER NOT NULL,
    host        TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    boot_id     TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    ending      TEXT, -- the kind of the event that ended it
    end_seq     INTEGER, -- that event
    class       TEXT,
    error       TEXT CHECK (length(error) <= 4000),
    fingerprint TEXT,
    result_sha  TEXT,
    -- What it used. NULL is unknown and never zero.
    exit_code   INTEGER,
    wall_ms     INTEGER,
    gpu_ms      INTEGER,
    flops       REAL,
    joules      REAL,
    episodes    INTEGER,
    tokens_in   INTEGER,
    tokens_out  INTEGER,
    cost_usd    REAL,
    peak_bytes  INTEGER,
    PRIMARY KEY (run_no, epoch),
    CHECK ((ended_at IS NULL) = (ending IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_end ON attempts (end_seq) WHERE end_seq IS NOT NULL;
CREATE INDEX attempts_by_fingerprint ON attempts (fingerprint, end_seq) WHERE fingerprint IS NOT NULL;

-- Summary numbers of a result; curves stay in files.
CREATE TABLE metrics (
    run_no  INTEGER NOT NULL REFERENCES runs,
    name    TEXT NOT NULL,
    measure TEXT NOT NULL,
    value   REAL, -- NULL: not finite
    PRIMARY KEY (run_no, name, measure)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    run_no   INTEGER REFERENCES runs,
    study_id INTEGER REFERENCES studies,
    src      TEXT,
    dst      TEXT, -- not NULL exactly when the event is a move
    epoch    INTEGER,
    actor    TEXT,
    payload  TEXT
) STRICT;
CREATE INDEX events_by_run ON events (run_no, seq);

-- A cache: the fingerprint of data that looked like this when it was last read.
CREATE TABLE data_fingerprints (
    key         TEXT PRIMARY KEY,
    stat        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW v_results AS
SELECT s.name AS study, m.idx, m.case_name, m.axes_json, m.reused, r.run_id, r.config_id, r.seed, c.task, r.outcome,
       r.result_sha, r.accepted_epoch, r.wall_ms, m.study_id, m.run_no
FROM study_runs m
JOIN studies s ON s.study_id = m.study_id
JOIN runs r ON r.run_no = m.run_no
JOIN configs c ON c.config_id = r.config_id
WHERE m.withdrawn = 0 AND m.state = 'done';

CREATE TRIGGER runs_begin_pending BEFORE INSERT ON runs
WHEN new.state <> 'pending' OR new.epoch <> 0
BEGIN SELECT RAISE(ABORT, 'a run begins as pending, at epoch 0'); END;

CREATE TRIGGER runs_planned AFTER INSERT ON runs
BEGIN
    INSERT INTO events (at, kind, run_no, dst, epoch, actor, payload)
    VALUES (new.created_at, coalesce(new.event_kind, 'planned'), new.run_no, new.state, new.epoch, new.actor, new.payload);
    UPDATE runs SET event_kind = NULL, actor = NULL, payload = NULL WHERE run_no = new.run_no;
END;

CREATE TRIGGER runs_identity_is_fixed BEFORE UPDATE OF run_no, run_id, config_id, seed, created_at ON runs
BEGIN SELECT RAISE(ABORT, 'the identity of a run cannot change'); END;

CREATE TRIGGER runs_legal_move BEFORE UPDATE OF state, epoch ON runs
WHEN (old.state <> new.state OR old.epoch <> new.epoch)
    AND NOT EXISTS (SELECT 1 FROM transitions WHERE src = old.state AND dst = new.state)
BEGIN SELECT RAISE(ABORT, 'illegal move'); END;

CREATE TRIGGER runs_epoch_never_falls BEFORE UPDATE OF epoch ON runs
WHEN new.epoch < old.epoch
BEGIN SELECT RAISE(ABORT, 'the epoch of a run cannot fall'); END;

-- Each claim has a token of its own, and nothing else has one.
CREATE TRIGGER runs_epoch_rises_with_claims BEFORE UPDATE OF state, epoch ON runs
WHEN (new.epoch > old.epoch AND new.state <> 'running')
    OR (new.epoch <= old.epoch AND new.state = 'running' AND old.state <> 'running')
BEGIN SELECT RAISE(ABORT, 'the epoch of a run rises with a claim, and only then'); END;

CREATE TRIGGER runs_result_is_final BEFORE UPDATE OF outcome, result_sha, accepted_epoch ON runs
WHEN old.state = 'done' AND new.state = 'done'
    AND (old.outcome IS NOT new.outcome OR old.result_sha IS NOT new.result_sha
         OR old.accepted_epoch IS NOT new.accepted_epoch)
BEGIN SELECT RAISE(ABORT, 'the result of a done run cannot change'); END;

CREATE TRIGGER runs_done_stays BEFORE DELETE ON runs
WHEN old.state = 'done'
BEGIN SELECT RAISE(ABORT, 'a done run cannot be deleted'); END;

-- The event of a move, the end of its attempt and the copies of the state are part of the statement that moves.
CREATE TRIGGER runs_moved AFTER UPDATE OF state, epoch ON runs
WHEN old.state <> new.state OR old.epoch <> new.epoch
BEGIN
    INSERT INTO events (at, kind, run_no, src, dst, epoch, actor, payload)
    VALUES (new.updated_at, coalesce(new.event_kind, 'unexplained'), new.run_no, old.state, new.state, new.epoch,
            new.actor, new.payload);
    UPDATE attempts
    SET ended_at = new.updated_at, ending = coalesce(new.event_kind, 'unexplained'),
        end_seq = (SELECT max(seq) FROM events)
    WHERE old.state = 'running' AND run_no = new.run_no AND epoch = old.epoch;
    UPDATE study_runs SET state = new.state WHERE run_no = new.run_no AND state <> new.state;
    UPDATE runs SET event_kind = NULL, actor = NULL, payload = NULL WHERE run_no = new.run_no;
END;

CREATE TRIGGER metrics_are_final_insert BEFORE INSERT ON metrics
WHEN (SELECT state FROM runs WHERE run_no = new.run_no) = 'done'
BEGIN SELECT RAISE(ABORT, 'the metrics of a done run cannot change'); END;
CREATE TRIGGER metrics_are_final_update BEFORE UPDATE ON metrics
WHEN (SELECT state FROM runs WHERE run_no = old.run_no) = 'done'
BEGIN SELECT RAISE(ABORT, 'the metrics of a done run cannot change'); END;
CREATE TRIGGER metrics_are_final_delete BEFORE DELETE ON metrics
WHEN (SELECT state FROM runs WHERE run_no = old.run_no) = 'done'
BEGIN SELECT RAISE(ABORT, 'the metrics of a done run cannot change'); END;

CREATE TRIGGER events_are_append_only_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events cannot be changed'); END;
CREATE TRIGGER events_are_append_only_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events cannot be deleted'); END;
