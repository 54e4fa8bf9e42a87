package report

import (
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// changedHeading stands over what a release changes of its gate's configuration.
const changedHeading = "This release changes what it is judged by"

const maxSettings = 60

// settingText says which key was changed and how. Values that may name somebody are left out
// unless names are shown.
func settingText(s *gate.Setting, names bool) (key, what string) {
	key = s.Key
	if at := strings.IndexByte(key, '['); at >= 0 && !names { // the name of a mask is anybody's text
		end := strings.LastIndexByte(key, ']')
		key = key[:at] + "[]" + key[max(at, end)+1:]
	}
	key = visible(key, maxName)
	value := func(v string) string {
		if !names && !s.Public {
			return "(not shown here)"
		}
		return visible(v, maxName)
	}
	switch {
	case s.Before == "":
		return key, "new, " + value(s.After)
	case s.After == "":
		return key, "gone, was " + value(s.Before)
	}
	return key, value(s.Before) + " became " + value(s.After)
}

// settings says what a release changes of what it is judged by, at most so many keys.
func (r *renderer) settings(limit int) {
	list := r.v.Made.Settings
	if len(list) == 0 {
		return
	}
	r.heading(changedHeading)
	for i := range list[:min(len(list), limit)] {
		key, what := settingText(&list[i], r.o.Names)
		r.text("  ", "    ", key+": "+what)
	}
	r.more(len(list)-limit, "setting", "settings")
}
