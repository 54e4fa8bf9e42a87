package publish

import (
	"context"
	"fmt"
	"os"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/gate"
)

// Budgets of what GitHub shows, in characters and bytes.
const (
	MaxCheckText   = 60_000 // of 65,535 for a summary or a text
	MaxAnnotations = 50     // in one request, and in all
	MaxStepSummary = 900 << 10
)

// A Check is a check run on a commit.
type Check struct {
	Name        string // as branch rules know it
	Head        string
	DetailsURL  string
	Title       string
	Summary     string // Markdown
	Text        string // Markdown; "" is none
	Annotations []Annotation
}

// An Annotation is a remark beside a line of a file.
type Annotation struct {
	Path    string // in the repository
	Line    int    // from 1
	Title   string
	Message string
	Notice  bool // it is no failure
}

// Conclusion is what a check run says of a verdict. It is never neutral or skipped:
// both let a required check pass. Blocked asks a person to act.
func Conclusion(v *gate.Verdict) string {
	switch v.ExitCode() {
	case gate.ExitPass:
		return "success"
	case gate.ExitBlocked:
		return "action_required"
	}
	return "failure"
}

// Check makes a check run that is completed.
func (c *Client) Check(ctx context.Context, e Event, conclusion string, o Check) (Result, error) {
	switch {
	case conclusion != "success" && conclusion != "action_required" && conclusion != "failure":
		return Result{}, fmt.Errorf("make a check run: the conclusion %q is none that may be given", conclusion)
	case o.Name == "":
		return Result{}, fmt.Errorf("make a check run: it has no name")
	case !shaForm.MatchString(o.Head):
		return Result{}, fmt.Errorf("make a check run: %q is not the object id of a commit", o.Head)
	}
	for _, text := range []string{o.Summary, o.Text} {
		if n := utf8.RuneCountInString(text); n > MaxCheckText {
			return Result{}, fmt.Errorf("make a check run: a text of it has %d characters, more than %d", n, MaxCheckText)
		}
	}
	output := &github.CheckRunOutput{Title: &o.Title, Summary: &o.Summary}
	if o.Text != "" {
		output.Text = &o.Text
	}
	for _, a := range o.Annotations[:min(len(o.Annotations), MaxAnnotations)] {
		level := "failure"
		if a.Notice {
			level = "notice"
		}
		output.Annotations = append(output.Annotations, &github.CheckRunAnnotation{
			Path: &a.Path, StartLine: &a.Line, EndLine: &a.Line, AnnotationLevel: &level, Title: &a.Title, Message: &a.Message})
	}
	request := github.CreateCheckRunOptions{Name: o.Name, HeadSHA: o.Head, Status: github.String("completed"), Conclusion: &conclusion, Output: output}
	if o.DetailsURL != "" {
		request.DetailsURL = &o.DetailsURL
	}
	var result Result
	// Of two check runs of one name on one commit the later counts: making it again is harmless.
	err := c.try(ctx, "make a check run", func() error {
		run, _, err := c.github.Checks.CreateCheckRun(ctx, e.Owner, e.Repo, request)
		if err == nil {
			result = Result{Done: "created", URL: run.GetHTMLURL()}
		}
		return err
	})
	return result, err
}

// StepSummary appends Markdown to the summary of a job, the file that
// GITHUB_STEP_SUMMARY names.
func StepSummary(path, body string) error {
	if len(body) > MaxStepSummary {
		return fmt.Errorf("write the summary of the job: it has %d bytes, more than %d", len(body), MaxStepSummary)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the summary of the job: %w", err)
	}
	if _, err = f.WriteString(body + "\n"); err == nil {
		err = f.Close()
	} else {
		f.Close()
	}
	if err != nil {
		return fmt.Errorf("write the summary of the job: %w", err)
	}
	return nil
}
