-- Version 2. The holder of a claim is told by its PID namespace too, and its lease is counted on a clock that no step of the
-- wall clock moves. A study's number of a run is the run's for ever, also after the study stopped listing it.

ALTER TABLE attempts ADD COLUMN pid_namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN lease_uptime INTEGER; -- the lease's end, in milliseconds since the boot of the attempt's machine
ALTER TABLE runs ADD COLUMN result_stat TEXT; -- what the file of the accepted result looked like

CREATE TABLE study_numbers (
    study_id INTEGER NOT NULL REFERENCES studies,
    idx      INTEGER NOT NULL,
    run_no   INTEGER NOT NULL REFERENCES runs,
    PRIMARY KEY (study_id, idx),
    UNIQUE (study_id, run_no)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO study_numbers (study_id, idx, run_no) SELECT study_id, idx, run_no FROM study_runs ORDER BY run_no;
CREATE TRIGGER study_numbers_are_fixed BEFORE UPDATE ON study_numbers
BEGIN SELECT RAISE(ABORT, 'the number of a run in a study cannot change'); END;

-- A supervisor keeps to the version of the plan that it began with.
INSERT INTO transitions (src, dst, why) VALUES ('superseded', 'running', 'claimed by a supervisor of an earlier plan');

CREATE INDEX runs_diverged ON runs (run_no) WHERE outcome = 'diverged';
