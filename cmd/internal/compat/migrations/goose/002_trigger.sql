-- +goose NO TRANSACTION
-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER people_log AFTER INSERT ON people FOR EACH ROW
BEGIN
  SET @compat = NEW.id;
  INSERT INTO log (line) VALUES (NEW.name);
END;
-- +goose StatementEnd
SET SESSION sql_mode = 'ANSI_QUOTES';
INSERT INTO "people" (name) VALUES ('Cid');
-- +goose StatementBegin
CREATE TEMPORARY TABLE kept AS SELECT id FROM people;
DELETE FROM people WHERE id NOT IN (SELECT id FROM kept);
INSERT INTO log (line) SELECT COUNT(*) FROM kept;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER people_log;
