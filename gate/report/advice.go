package report

import "github.com/waybill-dev/waybill/gate"

// advice is what to do about gaps of a kind; "" where nothing is known of it.
func advice(kind string) string {
	switch kind {
	case gate.GapNothingSent:
		return "see that the build is told where its sinks are (${sink.NAME}), and that the corpus makes it send"
	case gate.GapEmptyCorpus:
		return "record or import stimuli into the corpus"
	case gate.GapNotReplayed:
		return "mend what ended the replay before it was over, and run the gate again"
	case gate.GapNoAnswer:
		return "see what the build printed (--keep-state leaves its log), or wait longer: [replay] answer_timeout"
	case gate.GapServerError:
		return "see what the build printed (--keep-state leaves its log); setup may lack data that the corpus needs"
	case gate.GapAnswer:
		return "make in setup what the corpus needs (accounts, sessions, data), or record again; [replay] max_failed accepts a share that is known"
	case gate.GapNotReproduced:
		return "make in setup what the stimuli need that caused them, or accept it for its class, with a number and a reason: [[replay.allow]]"
	case gate.GapBuildCrashed:
		return "see what the build printed last: --keep-state leaves its log"
	case gate.GapNotQuiet:
		return "give the build a quiet probe, or longer: quiet = { timeout = \"2m\" }"
	case gate.GapFlood:
		return "mend what sends without end, or, if so much is right, raise [replay] max_messages"
	case gate.GapHandshake:
		return "see that the build trusts ${ca}, and speaks the protocol of the sink"
	case gate.GapBrokenMessage:
		return "see in the log of the build why it left in the middle of a message"
	case gate.GapNotRecorded:
		return "record or import again with room and rights enough; waybill corpus stat says how much is missing"
	case gate.GapNotCleared:
		return "say in [privacy] how the identities in it are found, and record or import again"
	case gate.GapNotFollowed:
		return "raise [follow] max_links, or name in [follow] never what need not be asked for"
	case gate.GapNotBound:
		return "where answers differ from what was recorded, mend these first; else see waybill corpus show for where the value came from, and correct it under [dynamic]"
	case gate.GapNotReplayable:
		return "test by other means what production does because of it"
	case gate.GapCutBody:
		return "raise max_body of the sink, or, where a stimulus was cut when it was recorded, [record] max_body"
	case gate.GapNotDecoded:
		return "read the message yourself (waybill tape cat RUN), or leave its stimulus out of the corpus"
	case gate.GapOpaque:
		return "let a test build send it in clear, or accept it for its class, with a reason: [[policy.opaque]]"
	case gate.GapArrival:
		return "replay production until its values are known: [replay] replays = \"auto\", which is the default, and a higher max_replays; or one request at a time: concurrency = 1"
	case gate.GapUnanchored:
		return "let the build carry the trace of the request (traceparent, or Message-ID) into the message, so that its value is known to belong to it"
	case gate.GapTornTape:
		return "replay or record it again; waybill tape verify says how far it is whole"
	case gate.GapCheckFailed:
		return "report it, with what waybill version prints"
	case gate.GapUnstable:
		return "mend what makes the build choose recipients by the clock, by chance or by order"
	case gate.GapBlind:
		return "replay stimuli that make the build send to somebody; if it does, report it"
	case gate.GapJobFailed:
		return "run the job by hand, as its command, dir and env say"
	case gate.GapRunMismatch:
		return "give runs of one corpus and of one scenario"
	case gate.GapState:
		return "see what [state] restore leaves behind or brings back otherwise: run it and check by hand, as they stand in the configuration; what a release is to change of the state belongs in migrate"
	case gate.GapSameBuild:
		return "have [production] run what is in production; where a build is to be held against itself, --same-build or [policy] same_build says so"
	case gate.GapNotStopped:
		return "mend how the build stops, or give it longer: stop = { timeout = \"30s\" }"
	case gate.GapOutlived:
		return "have the build end what it starts, or wait for it; programs that do no work of their own are named: stop = { leaves = [\"gpg-agent\"] }"
	case gate.GapStore:
		return "make room where the runs are written, and run the gate again"
	case gate.GapInterrupted:
		return "run the gate again, to its end"
	case gate.GapRecipientUnknown:
		return "export with Delivered-To, X-Original-To, Envelope-To or X-Envelope-To, or compare runs instead"
	}
	return ""
}
