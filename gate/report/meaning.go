package report

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// meanings says what each kind of gap is, in a sentence for whoever reads a verdict.
var meanings = map[string]string{
	gate.GapNothingSent:      "The production build sent nothing at all, so there is nothing to compare.",
	gate.GapEmptyCorpus:      "The corpus holds no stimuli.",
	gate.GapNotReplayed:      "A stimulus of the corpus was never sent to the build.",
	gate.GapNoAnswer:         "The build did not answer a stimulus in time.",
	gate.GapServerError:      "The build answered a stimulus with a failure, and production did not when it was recorded.",
	gate.GapAnswer:           "A stimulus was answered with another class of status (2xx, 3xx, 4xx, 5xx) than when it was recorded, or than by the other build.",
	gate.GapNotReproduced:    "Production sent messages of this class when it was recorded, and fewer or none when it was replayed.",
	gate.GapBuildCrashed:     "The build ended by itself during the replay.",
	gate.GapNotQuiet:         "The build was still sending when time ran out, or sent something after it was taken for quiet.",
	gate.GapFlood:            "The build sent more messages than [replay] max_messages allows.",
	gate.GapHandshake:        "A connection to a sink ended before it got as far as a message.",
	gate.GapBrokenMessage:    "A transmission to a sink ended halfway.",
	gate.GapCutBody:          "A body was longer than its limit, and what lies beyond was not kept.",
	gate.GapNotDecoded:       "Not every layer of a body could be undone: an unknown coding, too many layers, or a decompression bomb.",
	gate.GapTornTape:         "A tape ends in the middle of a record, or without its footer.",
	gate.GapCheckFailed:      "A check could not judge.",
	gate.GapUnstable:         "Two replays of the same build sent to different recipients, so that a change by the release cannot be told from chance.",
	gate.GapBlind:            "The misdelivery that each gate run plants in a copy of its evidence was not found: the gate would have missed a real one.",
	gate.GapJobFailed:        "A job of the build ended with a failure.",
	gate.GapRunMismatch:      "Two runs are not of the same corpus or scenario.",
	gate.GapNotStopped:       "The build did not stop when asked, and was killed.",
	gate.GapOutlived:         "Processes that the build started while it ran were still there after it had ended: what they would have sent later is not known.",
	gate.GapStore:            "Evidence could not be written.",
	gate.GapInterrupted:      "Somebody stopped the run.",
	gate.GapRecipientUnknown: "An imported mail does not say who its envelope was addressed to.",
	gate.GapNotRecorded:      "Traffic passed the recorder, or stood in the imported file, and was not kept.",
	gate.GapNotCleared:       "Something was not kept, because not every identity in it could be replaced.",
	gate.GapOpaque:           "Content that varies between replays of production and cannot be read, such as encrypted mail.",
	gate.GapArrival:          "Values follow the order in which requests arrive, and staging's fit no replay of production.",
	gate.GapUnanchored:       "Nothing but a value that is new in each replay tells this message from others, so nobody can say whose it is.",
	gate.GapState:            "What the build keeps was not the same before each replay, or, where [state] check_after asks for it, after it: a restore that failed, or was not made. Lines of the check are named by their first word, and their values are left out.",
	gate.GapSameBuild:        "Production and staging are one build: nothing of a release was compared.",
	gate.GapNotBound:         "The build was to give a value that later stimuli need (a session, an id), and did not. The recorded value was sent instead.",
	gate.GapNotFollowed:      "Links that were to be asked for ([follow]) were not: there were too many, or the build was gone.",
	gate.GapNotReplayable:    "Traffic that cannot be replayed, such as a WebSocket. It is counted when it is recorded. This is the only kind that leaves a verdict decided.",
}

// AboutGap returns what a gap of a kind means and what to do about it, both empty where
// there is no such kind.
func AboutGap(kind string) (meaning, todo string) { return meanings[kind], advice(kind) }

// GapKinds returns every kind of gap, sorted.
func GapKinds() []string { return sortedKeys(meanings) }

// consequences are kinds of gap that follow from others where there are any: a build that fails
// sends nothing, and where nothing is sent no misdelivery can be planted.
var consequences = map[string]int{
	gate.GapAnswer: 1, gate.GapNotBound: 1, gate.GapNotReproduced: 2, gate.GapNothingSent: 3, gate.GapBlind: 4,
}

// causesFirst returns v with the reasons and gaps that may have caused others before those, and
// else as they stand.
func causesFirst(v *gate.Verdict) *gate.Verdict {
	out := *v
	out.Reasons, out.Gaps = slices.Clone(v.Reasons), slices.Clone(v.Gaps)
	kind := func(r gate.Reason) string {
		k, _, _ := strings.Cut(r.Text, ":")
		return k
	}
	slices.SortStableFunc(out.Reasons, func(a, b gate.Reason) int {
		if a.Code != b.Code {
			return 0 // stronger codes stand first already
		}
		return consequences[kind(a)] - consequences[kind(b)]
	})
	slices.SortStableFunc(out.Gaps, func(a, b gate.Gap) int { return consequences[a.Kind] - consequences[b.Kind] })
	return &out
}
