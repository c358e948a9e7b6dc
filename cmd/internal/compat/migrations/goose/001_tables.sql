-- +goose Up
CREATE TABLE people (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, big BIGINT UNSIGNED, doc JSON);
INSERT INTO people (name, big, doc) VALUES ('Ada; -- no comment', 18446744073709551615, '{"a": 1}'), ('Ben', 0, NULL);
CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, line TEXT);

-- +goose Down
DROP TABLE log;
DROP TABLE people;
