-- Forgets that an engine image's warm runs are not trusted: it has another version now.
DELETE FROM warm_refusals WHERE installation_id = :installation AND image = :image
