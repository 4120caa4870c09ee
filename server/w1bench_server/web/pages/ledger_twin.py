"""The content of a twin from a server's data folder: the pages' own, and the receipt of every row, as the service would answer it."""

from w1bench.site.board.content import Content, Receipt
from w1bench_server.database import connection as database
from w1bench_server.leaderboard.boards import Boards
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.submissions.redaction import PublicRecords
from w1bench_server.web.api.schemas.submissions import submission_row
from w1bench_server.web.pages.content import PageContent, findings_of, retracted_of, row_of


def read_data(settings: Settings) -> tuple[Content, list[Receipt]]:
    """The boards of a service that need not run, and the receipts of its rows and of what was retracted.

    Raises:
        InputError: there is no service in the data folder.
    """
    with database.existing(settings) as engine:
        pairs = PublishedPairs(settings.archive)
        records = PublicRecords(Ledger(engine), pairs)
        content = PageContent(pairs, Boards(records)).now()
        shown = [*content.by_id, *(one.id for one in content.retracted)]
        receipts: list[Receipt] = []
        for record in map(records.find, shown):
            entry = record.entry
            row = content.by_id.get(entry.id) or row_of(record, content.manifests.get(entry.pair))
            document = submission_row(record, "", pairs).model_dump(mode="json")
            receipts.append(Receipt(row, record.score.card, document, retracted_of(record), findings_of(record, pairs)))
        return content, receipts
