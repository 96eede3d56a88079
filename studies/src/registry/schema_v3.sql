-- Version 3. A study may stop runs before their end because others do better. That is a study's word and no state of the run: another
-- study may want it whole. In `runs` such a run is interrupted; in `study_runs` its state is what the study decided.

ALTER TABLE study_runs ADD COLUMN race TEXT; -- what it is compared within; NULL: the study prunes nothing
ALTER TABLE study_runs ADD COLUMN verdict TEXT CHECK (verdict IN ('paused', 'pruned'));
ALTER TABLE study_runs ADD COLUMN kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, 1)); -- goes on to its end whatever others do

-- The value of a run where it was compared.
CREATE TABLE rung_values (
    study_id INTEGER NOT NULL REFERENCES studies,
    run_no   INTEGER NOT NULL REFERENCES runs,
    at       INTEGER NOT NULL,
    value    REAL, -- NULL: not finite
    PRIMARY KEY (study_id, run_no, at)
) STRICT, WITHOUT ROWID;

-- Settings at a rung, in the order in which they came.
CREATE TABLE rung_entries (
    entry_no  INTEGER PRIMARY KEY AUTOINCREMENT,
    study_id  INTEGER NOT NULL REFERENCES studies,
    race      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    config_id TEXT NOT NULL REFERENCES configs,
    idx       INTEGER NOT NULL,
    value     REAL, -- NULL: it failed, diverged, or was not finite
    verdict   TEXT CHECK (verdict IN ('promoted', 'pruned')),
    UNIQUE (study_id, race, at, config_id)
) STRICT;

CREATE INDEX events_of_rungs ON events (study_id, seq)
WHERE kind IN ('rung_rule', 'rung_entered', 'rung_closed', 'rung_promoted', 'rung_pruned');

DROP TRIGGER runs_moved;
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
    UPDATE study_runs SET state = CASE new.state WHEN 'interrupted' THEN coalesce(verdict, new.state) ELSE new.state END
    WHERE run_no = new.run_no;
    UPDATE runs SET event_kind = NULL, actor = NULL, payload = NULL WHERE run_no = new.run_no;
END;
