-- A journal as commit c82773e wrote it (schema version 2), dumped by
--     PYTHONPATH=. .venv/bin/python make.py old.db && sqlite3 old.db .dump   (and the user_version by hand)
-- where make.py was:
--     import sys; from pathlib import Path
--     from flock.journal import *
--     j = SqliteJournal(Path(sys.argv[1]))
--     R, S, O = Record, Settlement, Outcome
--     j.claim(["x:said", "x:open", "x:penned", "x:waiting", "x:pieces", "x:silent", "pasture:said"])
--     j.intend(R("x:said"), "Μῆνιν ἄειδε 羊", 1000.0)
--     j.settle(S(0, 0, O.SAID, 1000.5, "71"), R("x:said", n=1, line=1, due=1030.0, next_line="baa", prior_line="Μῆνιν ἄειδε 羊", last_id="71", wake=1030.0))
--     j.intend(R("x:open", n=4, line=2, recitations=1, due=1100.0, saying="it's out?", next_line="it's out?", last_id="80", wake=1100.0), "it's out?", 1100.25)
--     j.settle(S(6, 0, O.SKIPPED, 1200.0, None, "403; too long"), R("x:penned", n=7))
--     j.keep(R("x:penned", n=7, line=3, due=1200.0, next_line="no", prior_line="so", wake=1205.0, failures=2, strikes=3, penned="suspended", key_stamp="17/42"))
--     j.intend(R("x:waiting", n=9, line=1, due=1300.0, next_line="soon", last_id="90", wake=1300.0), "soon", 1300.0)
--     j.settle(S(9, 0, O.WITHDRAWN, 1301.0, None, "429"), R("x:waiting", n=9, line=1, due=1300.0, saying="soon", next_line="soon", last_id="90", wake=2200.0, failures=1))
--     long = R("x:pieces", n=2, line=2, recitations=5, due=1400.0, saying="one\ntwo\nthree", next_line="one\ntwo\nthree")
--     j.intend(long, "one", 1400.0)
--     j.settle(S(2, 0, O.UNKNOWN, 1401.0, None, "no answer"), long._replace(n=3, piece=1))
--     j.intend(long._replace(n=3, piece=1), "two", 1402.0)
--     j.settle(S(3, 1, O.SAID, 1403.0, "101"), long._replace(n=4, piece=2, last_id="101"))
--     j.intend(R("pasture:said", n=1), "baa", 1500.0)
--     j.settle(S(1, 0, O.SAID, 1500.0, "5"), R("pasture:said", n=2))
--     j.close()
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE sheep (
        id INTEGER PRIMARY KEY,
        bot TEXT NOT NULL UNIQUE,
        n INTEGER NOT NULL DEFAULT 0,
        line INTEGER NOT NULL DEFAULT 0,
        piece INTEGER NOT NULL DEFAULT 0,
        recitations INTEGER NOT NULL DEFAULT 0,
        due REAL NOT NULL DEFAULT 0,
        saying TEXT,
        unsure INTEGER NOT NULL DEFAULT 0,
        next_line TEXT NOT NULL DEFAULT '',
        last_id TEXT,
        wake REAL NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        strikes INTEGER NOT NULL DEFAULT 0,
        penned TEXT NOT NULL DEFAULT '',
        key_stamp TEXT NOT NULL DEFAULT '',
        spoken INTEGER NOT NULL DEFAULT 0,
        holder INTEGER
    , prior_line TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO sheep VALUES(1,'x:said',1,1,0,0,1030.0,NULL,0,'baa','71',1030.0,0,0,'','',1,23369,'Μῆνιν ἄειδε 羊');
INSERT INTO sheep VALUES(2,'x:open',4,2,0,1,1100.0,'it''s out?',1,'it''s out?','80',1100.0,0,0,'','',1,23369,'');
INSERT INTO sheep VALUES(3,'x:penned',7,3,0,0,1200.0,NULL,0,'no',NULL,1205.0,2,3,'suspended','17/42',1,23369,'so');
INSERT INTO sheep VALUES(4,'x:waiting',9,1,0,0,1300.0,'soon',0,'soon','90',2200.0,1,0,'','',1,23369,'');
INSERT INTO sheep VALUES(5,'x:pieces',4,2,2,5,1400.0,'one
two
three',0,'one
two
three','101',0.0,0,0,'','',1,23369,'');
INSERT INTO sheep VALUES(6,'x:silent',0,0,0,0,0.0,NULL,0,'',NULL,0.0,0,0,'','',0,23369,'');
INSERT INTO sheep VALUES(7,'pasture:said',2,0,0,0,0.0,NULL,0,'',NULL,0.0,0,0,'','',1,23369,'');
CREATE TABLE tweet (
        bot INTEGER NOT NULL REFERENCES sheep (id),
        n INTEGER NOT NULL,
        piece INTEGER NOT NULL,
        text TEXT NOT NULL,
        outcome TEXT NOT NULL,
        post_id TEXT,
        why TEXT NOT NULL DEFAULT '',
        intended_at REAL NOT NULL,
        settled_at REAL,
        PRIMARY KEY (bot, n, piece)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "tweet" VALUES(1,0,0,'Μῆνιν ἄειδε 羊','said','71','',1000.0,1000.5);
INSERT INTO "tweet" VALUES(2,4,0,'it''s out?','intended',NULL,'',1100.25,NULL);
INSERT INTO "tweet" VALUES(4,9,0,'soon','withdrawn',NULL,'429',1300.0,1301.0);
INSERT INTO "tweet" VALUES(5,2,0,'one','unknown',NULL,'no answer',1400.0,1401.0);
INSERT INTO "tweet" VALUES(5,3,1,'two','said','101','',1402.0,1403.0);
INSERT INTO "tweet" VALUES(7,1,0,'baa','said','5','',1500.0,1500.0);
COMMIT;
