package session

// varSet is a set of known variables: bit i is group i of [varGroups].
type varSet uint64

// varGroup is one or more session variables that are set and put back together.
type varGroup struct {
	names []string
	any   bool // the names are of one variable, in different versions of the servers
}

// varGroups is the variables whose value can be read after the login and
// written back with SET, so that all is as it was: MySQL manual, "Server System
// Variables". What acts on other variables or on other sessions too, or cannot
// be set at any time, is not here.
var varGroups = [...]varGroup{
	namesGroup:      {names: []string{"character_set_client", "character_set_results", "collation_connection"}},
	autocommitGroup: {names: []string{"autocommit"}},
	isolationGroup:  {names: []string{"transaction_isolation", "tx_isolation"}, any: true},
	readOnlyGroup:   {names: []string{"transaction_read_only", "tx_read_only"}, any: true},
	one("time_zone"),
	one("sql_mode"),
	one("foreign_key_checks"),
	one("unique_checks"),
	one("sql_safe_updates"),
	one("sql_select_limit"),
	one("sql_notes"),
	one("sql_warnings"),
	one("sql_auto_is_null"),
	one("sql_quote_show_create"),
	one("max_execution_time"),
	one("max_statement_time"),
	one("lock_wait_timeout"),
	one("innodb_lock_wait_timeout"),
	one("wait_timeout"),
	one("interactive_timeout"),
	one("net_read_timeout"),
	one("net_write_timeout"),
	one("group_concat_max_len"),
	one("max_sort_length"),
	one("max_length_for_sort_data"),
	one("cte_max_recursion_depth"),
	one("max_recursive_iterations"),
	one("sort_buffer_size"),
	one("join_buffer_size"),
	one("read_buffer_size"),
	one("read_rnd_buffer_size"),
	one("bulk_insert_buffer_size"),
	one("tmp_table_size"),
	one("max_heap_table_size"),
	one("optimizer_switch"),
	one("optimizer_search_depth"),
	one("div_precision_increment"),
	one("default_week_format"),
	one("lc_time_names"),
	one("lc_messages"),
	one("auto_increment_increment"),
	one("auto_increment_offset"),
	one("default_storage_engine"),
	one("old_alter_table"),
}

const (
	namesGroup = iota
	autocommitGroup
	isolationGroup
	readOnlyGroup
)

func one(name string) varGroup { return varGroup{names: []string{name}} }

// findVar returns the set with the variable of that name, or none.
func findVar(name string) varSet {
	for i := range varGroups {
		for _, n := range varGroups[i].names {
			if isFolded(name, n) {
				return 1 << i
			}
		}
	}
	// Set together with collation_connection.
	if isFolded(name, "character_set_connection") {
		return 1 << namesGroup
	}
	return 0
}
