"""A scorecard with its findings: what a researcher is given, and what JSON and notebooks show of it."""

from html import escape

from w1bench.diagnostics.findings.evidence import Record
from w1bench.diagnostics.findings.facts import Facts
from w1bench.diagnostics.findings.sentences import Finding, findings
from w1bench.scoring.scorecard import Scorecard


class ExplainedScorecard(Scorecard):
    """A scorecard with what is wrong with the critic in words, the cause first; nothing where nothing is."""

    findings: tuple[Finding, ...] = ()

    def as_html(self) -> str:
        """All figures as a table, and the findings."""
        return super().as_html() + "".join(f"<p>{escape(finding.sentence)}</p>" for finding in self.findings)

    def __str__(self) -> str:
        """All figures as the command line prints them, and the findings."""
        return "\n".join([super().__str__(), *(finding.sentence for finding in self.findings)])


def explained(card: Scorecard, facts: Facts, record: Record | None) -> ExplainedScorecard:
    """The card with its findings."""
    return ExplainedScorecard(**dict(card), findings=findings(card, facts, record))
