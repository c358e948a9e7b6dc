-- +goose Up
INSERT INTO log (line) VALUES ('rolled back');
INSERT INTO nowhere VALUES (1);
