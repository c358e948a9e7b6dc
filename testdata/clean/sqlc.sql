-- name: GetAuthor :one
SELECT id, name, bio FROM authors
WHERE id = ? LIMIT 1
----
-- name: ListAuthors :many
SELECT id, name, bio FROM authors
ORDER BY name
----
-- name: CreateAuthor :execresult
INSERT INTO authors (
  name, bio
) VALUES (
  ?, ?
)
----
-- name: DeleteAuthor :exec
DELETE FROM authors
WHERE id = ?
----
-- name: UpdateAuthor :exec
UPDATE authors SET name = COALESCE(?, name), bio = ? WHERE id = ?
----
-- name: ListBooks :many
-- the user's books, and who's read them
SELECT /* one row a book */ books.book_id, authors.name AS `author's name`
FROM books
LEFT JOIN authors ON books.author_id = authors.author_id
WHERE tags IN (/*SLICE:tags*/?) AND (? IS NULL OR year > ?)
----
-- name: Tree :many
WITH RECURSIVE tree (id, parent_id, depth) AS (
  SELECT id, parent_id, 0 FROM nodes WHERE id = ?
  UNION ALL
  SELECT n.id, n.parent_id, t.depth + 1 FROM nodes n JOIN tree t ON n.parent_id = t.id
)
SELECT id, parent_id, depth FROM tree WHERE depth < ?
----
-- name: Upsert :exec
INSERT INTO counters (name, n) VALUES (?, 1) AS new ON DUPLICATE KEY UPDATE n = counters.n + new.n
----
-- name: Load :exec
LOAD DATA LOCAL INFILE 'Reader::authors' INTO TABLE `authors` FIELDS TERMINATED BY '\t' (name, bio)
----
SELECT 1 -- traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',route='%2Fuser%40'
----
/*action='index',framework='spring'*/ SELECT * FROM t /* host=a@b.c; */
