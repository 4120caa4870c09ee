BEGIN TRANSACTION;
CREATE TABLE idempotency_keys (
	user VARCHAR(64) NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	submission VARCHAR(64) NOT NULL, 
	PRIMARY KEY (user, "key"), 
	FOREIGN KEY(submission) REFERENCES submissions (id)
);
INSERT INTO "idempotency_keys" VALUES('ann','first','00000000000000000000000000000001');
CREATE TABLE submissions (
	seq INTEGER NOT NULL, 
	id VARCHAR(64) NOT NULL, 
	pair VARCHAR(64) NOT NULL, 
	pair_digest VARCHAR(64) NOT NULL, 
	method VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	bytes BIGINT NOT NULL, 
	submitted_at VARCHAR(32) NOT NULL, 
	scorer VARCHAR(64) NOT NULL, 
	scorecard TEXT NOT NULL, 
	reference BOOLEAN NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (user, pair_digest, method, sha256), 
	UNIQUE (id), 
	UNIQUE (previous), 
	UNIQUE (hash)
);
INSERT INTO "submissions" VALUES(1,'00000000000000000000000000000001','small-d2-n4-p8','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','mine','ann','0000000000000000000000000000000000000000000000000000000000000001',101,'2026-03-01T12:00:00.000+00:00','0.1.0','{"pair":"small-d2-n4-p8","pair_version":1,"pair_digest":"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd","metric_version":1,"points":9,"w1":2.0,"w1_stderr":0.0,"metrics":{"cos":{"value":0.1,"low":0.0,"high":0.2},"l2":{"value":1.8,"low":1.7,"high":1.9000000000000001},"dev":null},"missing":{"dev":"the submission holds no `input_potential`"},"diagnosis":{"gradient_norm_mean":1.0,"gradient_norm_std":0.25,"gradient_norm_quantiles":{"0.5":1.0},"zero_gradients":0,"l2_direction":0.0,"l2_magnitude":0.0,"best_scale":1.0,"best_scale_l2":0.0,"steepest_slope":null},"resamples":1000,"level":0.95}',0,'0000000000000000000000000000000000000000000000000000000000000000','4b29666eb51a1250b4b7d27525747e2d60ebb4f3a851305de1d441a140835f3e');
INSERT INTO "submissions" VALUES(2,'00000000000000000000000000000002','small-d2-n4-p8','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','a ''quoted'' "method"; --','ann','0000000000000000000000000000000000000000000000000000000000000002',102,'2026-03-02T12:00:00.000+00:00','0.1.0','{"pair":"small-d2-n4-p8","pair_version":1,"pair_digest":"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd","metric_version":1,"points":9,"w1":2.0,"w1_stderr":0.0,"metrics":{"cos":{"value":0.2,"low":0.1,"high":0.30000000000000004},"l2":{"value":1.6,"low":1.5,"high":1.7000000000000002},"dev":null},"missing":{"dev":"the submission holds no `input_potential`"},"diagnosis":{"gradient_norm_mean":1.0,"gradient_norm_std":0.25,"gradient_norm_quantiles":{"0.5":1.0},"zero_gradients":0,"l2_direction":0.0,"l2_magnitude":0.0,"best_scale":1.0,"best_scale_l2":0.0,"steepest_slope":null},"resamples":1000,"level":0.95}',0,'4b29666eb51a1250b4b7d27525747e2d60ebb4f3a851305de1d441a140835f3e','cc73e8a374627d376fd0d813b66990dc8e5022947416aa92422dae43f0ef1cf8');
INSERT INTO "submissions" VALUES(3,'00000000000000000000000000000003','small-d2-n4-p8','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','mine','bob','0000000000000000000000000000000000000000000000000000000000000003',103,'2026-03-03T12:00:00.000+00:00','0.1.0','{"pair":"small-d2-n4-p8","pair_version":1,"pair_digest":"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd","metric_version":1,"points":9,"w1":2.0,"w1_stderr":0.0,"metrics":{"cos":{"value":0.3,"low":0.19999999999999998,"high":0.4},"l2":{"value":1.4,"low":1.2999999999999998,"high":1.5},"dev":null},"missing":{"dev":"the submission holds no `input_potential`"},"diagnosis":{"gradient_norm_mean":1.0,"gradient_norm_std":0.25,"gradient_norm_quantiles":{"0.5":1.0},"zero_gradients":0,"l2_direction":0.0,"l2_magnitude":0.0,"best_scale":1.0,"best_scale_l2":0.0,"steepest_slope":null},"resamples":1000,"level":0.95}',1,'cc73e8a374627d376fd0d813b66990dc8e5022947416aa92422dae43f0ef1cf8','2ef20eb84f22f9872d7957cdc7267a23029961f3c26bc6694850af90efa5d5a0');
CREATE TABLE tokens (
	prefix VARCHAR(8) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	expires_at VARCHAR(32), 
	revoked_at VARCHAR(32), 
	PRIMARY KEY (prefix)
);
INSERT INTO "tokens" VALUES('aaaaaaaa','eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','ann','submit','2026-03-01T00:00:00.000000+00:00',NULL,NULL);
INSERT INTO "tokens" VALUES('bbbbbbbb','eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','bob','admin','2026-03-01T00:00:00.000000+00:00','2040-01-01T00:00:00.000000+00:00','2026-03-05T00:00:00.000000+00:00');
CREATE TRIGGER submissions_refuse_update BEFORE UPDATE ON submissions BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER submissions_refuse_delete BEFORE DELETE ON submissions BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
COMMIT;
