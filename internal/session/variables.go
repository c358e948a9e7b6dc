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
	singleVar("time_zone"),
	singleVar("sql_mode"),
	singleVar("foreign_key_checks"),
	singleVar("unique_checks"),
	singleVar("sql_safe_updates"),
	singleVar("sql_select_limit"),
	singleVar("sql_notes"),
	singleVar("sql_warnings"),
	singleVar("sql_auto_is_null"),
	singleVar("sql_quote_show_create"),
	singleVar("max_execution_time"),
	singleVar("max_statement_time"),
	singleVar("lock_wait_timeout"),
	singleVar("innodb_lock_wait_timeout"),
	singleVar("wait_timeout"),
	singleVar("interactive_timeout"),
	singleVar("net_read_timeout"),
	singleVar("net_write_timeout"),
	singleVar("group_concat_max_len"),
	singleVar("max_sort_length"),
	singleVar("max_length_for_sort_data"),
	singleVar("cte_max_recursion_depth"),
	singleVar("max_recursive_iterations"),
	singleVar("sort_buffer_size"),
	singleVar("join_buffer_size"),
	singleVar("read_buffer_size"),
	singleVar("read_rnd_buffer_size"),
	singleVar("bulk_insert_buffer_size"),
	singleVar("tmp_table_size"),
	singleVar("max_heap_table_size"),
	singleVar("optimizer_switch"),
	singleVar("optimizer_search_depth"),
	singleVar("div_precision_increment"),
	singleVar("default_week_format"),
	singleVar("lc_time_names"),
	singleVar("lc_messages"),
	singleVar("auto_increment_increment"),
	singleVar("auto_increment_offset"),
	singleVar("default_storage_engine"),
	singleVar("old_alter_table"),
}

const (
	namesGroup = iota
	autocommitGroup
	isolationGroup
	readOnlyGroup
)

func singleVar(name string) varGroup { return varGroup{names: []string{name}} }

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
