SELECT VERSION()
----
SELECT DATABASE()
----
SELECT SCHEMA_NAME from Information_schema.SCHEMATA where SCHEMA_NAME LIKE ? ORDER BY SCHEMA_NAME=? DESC,SCHEMA_NAME limit 1
----
SELECT count(*) FROM information_schema.tables WHERE table_schema = 'app' AND table_name = 'users' AND table_type = 'BASE TABLE'
----
SELECT count(*) FROM information_schema.columns WHERE table_schema = ? AND table_name = ? AND column_name = ?
----
SELECT count(*) FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? AND index_name = ?
----
SELECT count(*) FROM INFORMATION_SCHEMA.table_constraints WHERE constraint_schema = 'app' AND table_name = 'users' AND constraint_name = 'fk_users_company'
----
SELECT column_name, column_default, is_nullable = 'YES', data_type, character_maximum_length, column_type, column_key, extra, column_comment, numeric_precision, numeric_scale , datetime_precision FROM information_schema.columns WHERE table_schema = 'app' AND table_name = 'users' ORDER BY ORDINAL_POSITION
----
SELECT * FROM `users` LIMIT 1
----
CREATE TABLE `users` (`id` bigint unsigned AUTO_INCREMENT,`created_at` datetime(3) NULL,`deleted_at` datetime(3) NULL,`name` longtext,`email` varchar(191) DEFAULT 'nobody@example.com' COMMENT 'it''s the user\'s',PRIMARY KEY (`id`),INDEX `idx_users_deleted_at` (`deleted_at`),CONSTRAINT `fk_users_company` FOREIGN KEY (`company_id`) REFERENCES `companies`(`id`))
----
ALTER TABLE `users` ADD `nickname` varchar(100)
----
ALTER TABLE `users` MODIFY COLUMN `name` varchar(64) NOT NULL DEFAULT ''
----
CREATE UNIQUE INDEX `idx_users_email` ON `users`(`email`)
----
DROP INDEX `idx_users_email` ON `users`
----
DROP TABLE IF EXISTS `users` CASCADE
----
INSERT INTO `users` (`created_at`,`updated_at`,`deleted_at`,`name`,`email`) VALUES ('2024-05-17 10:11:12.345','2024-05-17 10:11:12.345',NULL,'O\'Neil','o.neil@example.com')
----
INSERT INTO `users` (`name`,`email`) VALUES (?,?),(?,?) ON DUPLICATE KEY UPDATE `name`=VALUES(`name`),`email`=VALUES(`email`)
----
INSERT INTO `users` (`name`) VALUES (?) RETURNING `id`
----
SELECT * FROM `users` WHERE `users`.`deleted_at` IS NULL AND `users`.`id` = ? ORDER BY `users`.`id` LIMIT ?
----
SELECT `users`.`id`,`users`.`name`,`Company`.`id` AS `Company__id` FROM `users` LEFT JOIN `companies` `Company` ON `users`.`company_id` = `Company`.`id` WHERE `users`.`email` = "a@b.c"
----
SELECT count(*) FROM `users` WHERE (name = ? OR name LIKE '%\_x%') AND `users`.`deleted_at` IS NULL
----
UPDATE `users` SET `name`=?,`updated_at`=? WHERE id IN (SELECT `user_id` FROM `orders`) AND `users`.`deleted_at` IS NULL
----
UPDATE `users` SET `deleted_at`='2024-05-17 10:11:12.345' WHERE `users`.`id` = 10
----
DELETE FROM `users` WHERE `users`.`id` IN (1,2,3)
----
SELECT * FROM `users` WHERE `users`.`id` = 1 FOR UPDATE SKIP LOCKED
----
SAVEPOINT sp0xc000123456
----
ROLLBACK TO SAVEPOINT sp0xc000123456
----
RENAME TABLE `users` TO `people`
----
SELECT * FROM `users` USE INDEX (`idx_name`) WHERE `data`->'$.a' = 1 AND JSON_EXTRACT(`data`,'$."b"') IS NOT NULL
