package servers

import (
	"context"
	"fmt"
	"strings"
)

// The account that Router reads InnoDB Cluster's metadata with, and the name of
// the cluster there.
const (
	metadataUser     = "router"
	metadataPassword = "router"
	metadataCluster  = "cluster"
)

// AddMetadata makes the group look like an InnoDB Cluster to MySQL Router: it has
// what MySQL Shell would have written of it, as far as Router reads that. The first
// member must be the primary.
func (g *Group) AddMetadata(ctx context.Context) error {
	var members []string
	for _, m := range g.Members {
		uuid, err := m.uuid(ctx)
		if err != nil {
			return err
		}
		members = append(members, fmt.Sprintf("(%d, 'id', '%s', '%s', '%s', '', 'group-member', '{}', NULL)", m.id, m.Addr, uuid, m.Addr))
	}
	return g.Members[0].exec(ctx,
		"CREATE DATABASE mysql_innodb_cluster_metadata",
		"USE mysql_innodb_cluster_metadata",
		"CREATE VIEW schema_version (major, minor, patch) AS SELECT 2, 2, 0",
		`CREATE TABLE v2_gr_clusters (cluster_id CHAR(36) PRIMARY KEY, cluster_name VARCHAR(63), cluster_type CHAR(2), primary_mode CHAR(2),
			group_name CHAR(36), description TEXT, attributes JSON, router_options JSON, clusterset_id CHAR(36))`,
		"INSERT INTO v2_gr_clusters VALUES ('id', '"+metadataCluster+"', 'gr', 'pm', '"+groupName+"', '', '{}', '{}', NULL)",
		"CREATE VIEW v2_clusters AS SELECT * FROM v2_gr_clusters",
		"CREATE VIEW clusters AS SELECT * FROM v2_gr_clusters",
		`CREATE TABLE v2_instances (instance_id INT PRIMARY KEY, cluster_id CHAR(36), label VARCHAR(256), mysql_server_uuid CHAR(36),
			endpoint VARCHAR(256), xendpoint VARCHAR(256), instance_type VARCHAR(32), attributes JSON, description TEXT)`,
		"INSERT INTO v2_instances VALUES "+strings.Join(members, ", "),
		`CREATE SQL SECURITY INVOKER VIEW v2_this_instance AS SELECT i.cluster_id, i.instance_id, c.cluster_name, c.cluster_type
			FROM v2_instances i JOIN v2_gr_clusters c ON c.cluster_id = i.cluster_id
			WHERE i.mysql_server_uuid = (SELECT variable_value FROM performance_schema.global_variables WHERE variable_name = 'server_uuid')`,
		`CREATE TABLE v2_routers (router_id INT PRIMARY KEY, cluster_id CHAR(36), clusterset_id CHAR(36), router_name VARCHAR(265), product_name VARCHAR(128),
			address VARCHAR(256), version VARCHAR(12), last_check_in TIMESTAMP NULL, attributes JSON, options JSON, local_cluster VARCHAR(63))`,
		"INSERT INTO v2_routers VALUES (1, 'id', NULL, '', 'MySQL Router', '127.0.0.1', '9.7.0', NULL, '{}', '{}', '')",
		"CREATE TABLE v2_router_options (router_id INT PRIMARY KEY, router_options JSON)",
		"INSERT INTO v2_router_options VALUES (1, '{}')",
		"CREATE TABLE v2_cs_members (clusterset_id CHAR(36), cluster_id CHAR(36) PRIMARY KEY, cluster_name VARCHAR(63), member_role VARCHAR(16), master_cluster_id CHAR(36), invalidated INT)",
		fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", metadataUser, metadataPassword),
		"GRANT ALL ON mysql_innodb_cluster_metadata.* TO "+metadataUser+"@'%'",
		"GRANT SELECT ON performance_schema.* TO "+metadataUser+"@'%'")
}

func (m *Member) uuid(ctx context.Context) (uuid string, err error) {
	db, err := openQuietly(m.DSN)
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT @@server_uuid").Scan(&uuid)
	return uuid, err
}
