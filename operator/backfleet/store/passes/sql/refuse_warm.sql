-- Remembers an engine image whose warm runs are not trusted.
INSERT INTO warm_refusals (installation_id, image, engine_version, batch_uid)
VALUES (:installation, :image, :engine_version, :uid)
ON CONFLICT (installation_id, image) DO UPDATE
SET engine_version = excluded.engine_version, batch_uid = excluded.batch_uid, refused_at = now()
