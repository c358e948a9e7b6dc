package suite

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// diffLeaveOut takes texts out of the lists that programs are made of, to see
// what else is found beside what they find. What a seed stands for changes.
func diffLeaveOut() {
	for _, list := range []*[]diffText{&diffPlain, &diffCompares, &diffProbes, &diffState, &diffFails, &diffAsks, &diffHidden, &diffOwn} {
		*list = slices.DeleteFunc(*list, func(x diffText) bool { return diffLeftOut(x.name) || diffLeftOut(strings.Join(x.queries, "; ")) })
	}
}

// diffLeftOut reports whether a name has a part that is to be left out.
func diffLeftOut(name string) bool {
	for without := range strings.SplitSeq(os.Getenv(envDiffWithout), ",") {
		if without != "" && strings.Contains(name, without) {
			return true
		}
	}
	return false
}

// isFresh reports whether an answer is one that the step may get in place of the
// stock driver's: a new session's.
func (s diffStep) isFresh(answer string) bool {
	return s.fresh != "" && regexp.MustCompile(s.fresh).MatchString(answer)
}
