INSERT INTO people (name) VALUES ('stays, since nothing rolls it back');
INSERT INTO nowhere VALUES (1);
INSERT INTO people (name) VALUES ('is not reached');
