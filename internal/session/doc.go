// Package session tells from the text of statements what they leave in their
// session, and which statements undo that. It knows SQL's words and no
// connection.
//
// # What counts as what
//
// Each line is a statement, the kinds of state that it leaves ("none" for none),
// the kinds that it ends if it succeeds, and where the MySQL 8.4 Reference Manual
// says so, or the MariaDB Knowledge Base where that is named. A test holds the
// lines to the code. What is in no line, and is not like one, leaves "other".
//
// Nothing is left by:
//
//	SELECT a FROM t WHERE b = ?                        | none                    | found rows                    | SELECT Statement
//	(SELECT 1) UNION (SELECT 2)                        | none                    | found rows                    | Set Operations with UNION, INTERSECT, and EXCEPT
//	WITH c AS (SELECT 1) UPDATE t SET a = 1            | none                    | found rows                    | WITH (Common Table Expressions)
//	VALUES ROW(1, 2)                                   | none                    | found rows                    | VALUES Statement
//	INSERT INTO t VALUES (?)                           | none                    | none                          | INSERT Statement; UPDATE, DELETE, REPLACE, TRUNCATE likewise
//	LOAD DATA INFILE 'x' INTO TABLE t                  | none                    | none                          | LOAD DATA Statement
//	DO SLEEP(1)                                        | none                    | none                          | DO Statement
//	CREATE TABLE t (a INT)                             | none                    | none                          | Data Definition Statements
//	SHOW TABLES                                        | none                    | none                          | SHOW Statements; EXPLAIN, DESCRIBE, HELP likewise
//	ANALYZE TABLE t                                    | none                    | none                          | Table Maintenance Statements
//	GRANT SELECT ON *.* TO u                           | none                    | none                          | Account Management Statements
//	SET GLOBAL max_connections = 1                     | none                    | none                          | SET Syntax for Variable Assignment; PERSIST likewise
//	SAVEPOINT a                                        | none                    | none                          | SAVEPOINT, ROLLBACK TO SAVEPOINT, and RELEASE SAVEPOINT Statements
//	DEALLOCATE PREPARE s                               | none                    | none                          | DEALLOCATE PREPARE Statement (others may be left)
//	SIGNAL SQLSTATE '45000'                            | none                    | none                          | SIGNAL Statement
//	KILL 1                                             | none                    | none                          | KILL Statement
//
// With autocommit off each of them that may touch a table opens a transaction
// too (autocommit, Commit, and Rollback); the server's status flags show it.
//
// Transactions:
//
//	BEGIN                                              | transaction             | none                          | START TRANSACTION, COMMIT, and ROLLBACK Statements
//	START TRANSACTION READ ONLY                        | transaction             | none                          | START TRANSACTION, COMMIT, and ROLLBACK Statements
//	CREATE TABLE t (a INT) START TRANSACTION           | transaction             | none                          | CREATE TABLE Statement, if it fails too
//	COMMIT                                             | none                    | transaction, next transaction | START TRANSACTION, COMMIT, and ROLLBACK Statements
//	COMMIT AND CHAIN                                   | transaction             | none                          | START TRANSACTION, COMMIT, and ROLLBACK Statements
//	ROLLBACK                                           | none                    | transaction, next transaction | START TRANSACTION, COMMIT, and ROLLBACK Statements
//	SET TRANSACTION READ ONLY                          | next transaction        | none                          | SET TRANSACTION Statement
//	XA START 'x'                                       | identity                | none                          | XA Transactions
//
// Variables and the schema:
//
//	SET time_zone = '+01:00'                           | variables               | none                          | SET Syntax for Variable Assignment; which: see groups in variables.go
//	SET NAMES utf8mb4                                  | variables               | none                          | SET NAMES Statement
//	SET CHARACTER SET utf8mb4                          | variables               | none                          | SET CHARACTER SET Statement
//	SET autocommit = 0                                 | variables               | none                          | autocommit, Commit, and Rollback
//	SET SESSION TRANSACTION READ ONLY                  | variables               | none                          | SET TRANSACTION Statement
//	SET timestamp = 1                                  | other                   | none                          | Server System Variables; any that is in no group
//	SET a = 1                                          | other                   | none                          | Server System Variables; any that is in no group
//	SET STATEMENT max_statement_time = 1 FOR SELECT 1  | none                    | found rows                    | SET STATEMENT (MariaDB): what it is for, if that is plain
//	SET STATEMENT sql_mode = '' FOR SELECT 1           | other                   | none                          | SET STATEMENT (MariaDB)
//	SET @a = 1                                         | user variables          | none                          | User-Defined Variables
//	SELECT a INTO @a FROM t                            | user variables          | found rows                    | SELECT ... INTO Statement
//	SELECT @a := 1                                     | user variables, other   | found rows                    | User-Defined Variables
//	USE d                                              | schema                  | none                          | USE Statement
//	DROP DATABASE d                                    | schema                  | none                          | DROP DATABASE Statement (it may be the current one)
//	CREATE OR REPLACE DATABASE d                       | schema                  | none                          | CREATE DATABASE (MariaDB)
//
// Locks:
//
//	SELECT GET_LOCK('a', 1)                            | locks                   | found rows                    | Locking Functions
//	SELECT RELEASE_LOCK('a')                           | none                    | locks, found rows             | Locking Functions (the last one that is held)
//	DO RELEASE_ALL_LOCKS()                             | none                    | locks                         | Locking Functions
//	LOCK TABLES t WRITE                                | table locks             | none                          | LOCK TABLES and UNLOCK TABLES Statements
//	UNLOCK TABLES                                      | none                    | table locks                   | LOCK TABLES and UNLOCK TABLES Statements
//	FLUSH TABLES WITH READ LOCK                        | table locks             | none                          | FLUSH Statement
//	LOCK INSTANCE FOR BACKUP                           | table locks, other      | none                          | LOCK INSTANCE FOR BACKUP and UNLOCK INSTANCE Statements
//	BACKUP STAGE START                                 | other                   | none                          | BACKUP STAGE (MariaDB)
//
// Temporary tables, statements, cursors:
//
//	CREATE TEMPORARY TABLE t (a INT)                   | temporary tables        | none                          | CREATE TEMPORARY TABLE Statement
//	DROP TEMPORARY TABLE t                             | none                    | temporary tables              | DROP TABLE Statement (the last one that is left)
//	PREPARE s FROM 'SELECT 1'                          | prepared statements     | none                          | PREPARE Statement
//	EXECUTE s                                          | other, identity         | none                          | EXECUTE Statement (what it runs is not in its text)
//	HANDLER t OPEN                                     | handlers                | none                          | HANDLER Statement
//	SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1        | found rows              | none                          | Information Functions, FOUND_ROWS()
//
// What runs what the text does not show, and what changes who the session is:
//
//	CALL p()                                           | other                   | none                          | CALL Statement
//	SELECT 1; SELECT 2                                 | other                   | none                          | Multiple Statement Execution Support, without multiStatements
//	/*!50000 SET NAMES latin1 */                       | other                   | none                          | Comments
//	SET ROLE r                                         | other, identity         | none                          | SET ROLE Statement; MariaDB keeps it through a reset
//	SET profiling = 1                                  | other, identity         | none                          | SHOW PROFILE Statement; MariaDB keeps the profiles through a reset
//	SET RESOURCE GROUP g                               | other, identity         | none                          | SET RESOURCE GROUP Statement
//	UPDATE performance_schema.threads SET history = 0  | identity                | none                          | The threads Table; a reset keeps it
//	SET SESSION AUTHORIZATION u                        | other, identity         | none                          | SET SESSION AUTHORIZATION (MariaDB)
//	NONSENSE                                           | other                   | none                          | a statement that is not known
//
// A stored function, a trigger or a view may leave anything that a function can,
// such as a lock, and none of it is in the text of the statement that runs it.
//
// # Texts that can be read in two ways
//
// Whether a backslash escapes, and what double quotes mean, is up to the
// session's sql_mode (manual, "String Literals"). Where it matters a text is read
// in each way, and leaves what it leaves in any. Where it is not sure where a
// string ends, as with characters of which a byte looks like a backslash, the
// statement leaves "other".
package session
