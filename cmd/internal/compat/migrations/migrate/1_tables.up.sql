SET @first = 'a;b', @compat = 1;
CREATE TABLE people (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), big BIGINT UNSIGNED);
INSERT INTO people (name, big) VALUES (@first, 18446744073709551615);
SELECT * FROM people;
SET time_zone = '+09:00';
