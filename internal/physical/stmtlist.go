package physical

// stmtList is the statements that are rebound with a logical connection: prepared, not
// closed and not lost.
type stmtList []*Stmt

func (l *stmtList) add(s *Stmt) {
	s.index = len(*l)
	*l = append(*l, s)
}

// remove takes a statement off the list, if it is there.
func (l *stmtList) remove(s *Stmt) {
	if s.index < 0 {
		return
	}
	all := *l
	last := len(all) - 1
	all[s.index] = all[last]
	all[s.index].index = s.index
	all[last] = nil
	*l = all[:last]
}

// lose is for a connection that was found dead. database/sql would have
// replaced the stock driver's, and would prepare a statement on the other when
// it next runs, whatever was done to that session by then.
func (l *stmtList) lose() {
	for i, s := range *l {
		s.index = -1
		(*l)[i] = nil
	}
	*l = (*l)[:0]
}
