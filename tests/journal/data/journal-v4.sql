-- A journal as commit fa34606 wrote it (schema version 4), dumped by
--     PYTHONPATH=. .venv/bin/python make.py old.db && sqlite3 old.db .dump   (and the user_version by hand)
-- where make.py was:
--     import sys; from pathlib import Path
--     from flock.journal import *
--     j = SqliteJournal(Path(sys.argv[1]))
--     P, S, O = Place, Settlement, Outcome
--     j.claim(["twitter:said", "twitter:old (1002)", "pasture:said", "pasture:said (twitter)", "pasture:said (twitter) (1005)", "bluesky:said.test", "mastodon:said@botsin.example", "feed:said"], {"twitter:said": "twitter:1001", "twitter:old (1002)": "twitter:1002", "pasture:said (twitter)": "pasture:twitter:1004"})
--     for n, bot in enumerate(["twitter:said", "twitter:old (1002)", "pasture:said", "pasture:said (twitter)", "pasture:said (twitter) (1005)", "bluesky:said.test", "mastodon:said@botsin.example", "feed:said"]):
--         here = P(n=n, line=1, due=1000.0 + n, next_line="baa", intended=1000.0 + n, saying="baa", token=f"{n:032x}")
--         j.intend(bot, here, "baa")
--         if n % 2:
--             j.settle(bot, S(n, 0, O.SAID, 1000.5 + n, f"7{n}"), P(n=n + 1, line=2, due=1030.0 + n, last_id=f"7{n}", prior_line="baa", skipped=1))
--     j.keep("feed:said", P(n=8, line=2), Standing(Condition.WAITING, "slow down", "RateLimited", until=2000.0, since=1.5))
--     j.close()
PRAGMA user_version = 4;
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
        next_line TEXT NOT NULL DEFAULT '',
        last_id TEXT,
        until REAL NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        strikes INTEGER NOT NULL DEFAULT 0,
        key_stamp TEXT NOT NULL DEFAULT '',
        spoken INTEGER NOT NULL DEFAULT 0,
        holder INTEGER
    , prior_line TEXT NOT NULL DEFAULT '', refusals INTEGER NOT NULL DEFAULT 0, intended REAL, condition TEXT NOT NULL DEFAULT 'well', trouble TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL DEFAULT '', since REAL NOT NULL DEFAULT 0, passed INTEGER NOT NULL DEFAULT 0, trials INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0, silent INTEGER NOT NULL DEFAULT 0, token TEXT, thread TEXT, account TEXT) STRICT;
INSERT INTO "sheep" VALUES(1,'twitter:said',0,1,0,0,1000.0,'baa','baa',NULL,0.0,0,0,'',1,17777,'',0,1000.0,'well','','',0.0,0,0,0,0,'00000000000000000000000000000000',NULL,'twitter:1001');
INSERT INTO "sheep" VALUES(2,'twitter:old (1002)',2,2,0,0,1031.0,NULL,'','71',0.0,0,0,'',1,17777,'baa',0,NULL,'well','','',0.0,0,0,1,0,NULL,NULL,'twitter:1002');
INSERT INTO "sheep" VALUES(3,'pasture:said',2,1,0,0,1002.0,'baa','baa',NULL,0.0,0,0,'',1,17777,'',0,1002.0,'well','','',0.0,0,0,0,0,'00000000000000000000000000000002',NULL,NULL);
INSERT INTO "sheep" VALUES(4,'pasture:said (twitter)',4,2,0,0,1033.0,NULL,'','73',0.0,0,0,'',1,17777,'baa',0,NULL,'well','','',0.0,0,0,1,0,NULL,NULL,'pasture:twitter:1004');
INSERT INTO "sheep" VALUES(5,'pasture:said (twitter) (1005)',4,1,0,0,1004.0,'baa','baa',NULL,0.0,0,0,'',1,17777,'',0,1004.0,'well','','',0.0,0,0,0,0,'00000000000000000000000000000004',NULL,NULL);
INSERT INTO "sheep" VALUES(6,'bluesky:said.test',6,2,0,0,1035.0,NULL,'','75',0.0,0,0,'',1,17777,'baa',0,NULL,'well','','',0.0,0,0,1,0,NULL,NULL,NULL);
INSERT INTO "sheep" VALUES(7,'mastodon:said@botsin.example',6,1,0,0,1006.0,'baa','baa',NULL,0.0,0,0,'',1,17777,'',0,1006.0,'well','','',0.0,0,0,0,0,'00000000000000000000000000000006',NULL,NULL);
INSERT INTO "sheep" VALUES(8,'feed:said',8,2,0,0,0.0,NULL,'',NULL,2000.0,0,0,'',1,17777,'',0,NULL,'waiting','slow down','RateLimited',1.5,0,0,0,0,NULL,NULL,NULL);
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
INSERT INTO "tweet" VALUES(1,0,0,'baa','intended',NULL,'',1000.0,NULL);
INSERT INTO "tweet" VALUES(2,1,0,'baa','said','71','',1001.0,1001.5);
INSERT INTO "tweet" VALUES(3,2,0,'baa','intended',NULL,'',1002.0,NULL);
INSERT INTO "tweet" VALUES(4,3,0,'baa','said','73','',1003.0,1003.5);
INSERT INTO "tweet" VALUES(5,4,0,'baa','intended',NULL,'',1004.0,NULL);
INSERT INTO "tweet" VALUES(6,5,0,'baa','said','75','',1005.0,1005.5);
INSERT INTO "tweet" VALUES(7,6,0,'baa','intended',NULL,'',1006.0,NULL);
INSERT INTO "tweet" VALUES(8,7,0,'baa','said','77','',1007.0,1007.5);
CREATE UNIQUE INDEX sheep_account ON sheep (account);
COMMIT;
