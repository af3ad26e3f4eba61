"""The rows of `carbonwait export`: the item of `runs` and every input behind its figures."""

from collections.abc import Iterable, Iterator

from carbonwait import __version__
from carbonwait.cli.documents import SCHEMA, Document, instant, run_document
from carbonwait.core.records import Cost, Owner, Run
from carbonwait.core.units import JOULES_PER_KWH
from carbonwait.ledger.trail import PriceProvenance, Provenance, Record
from carbonwait.stories.export import Terms, ghg_scope, terms_of


def export_rows(count: int, records: Iterable[Record]) -> Iterator[Document]:
    """One row a run; `count` is how many there are."""
    for number, record in enumerate(records, start=1):
        yield export_row(number, count, record)


def export_row(number: int, count: int, record: Record) -> Document:
    """The fields in the order of the columns; the man page says what each of them means."""
    run, terms = record.run, terms_of(record)
    total_j, grams = run.energy.total_j, run.emissions.actual_g
    kwh = None if total_j is None else total_j / JOULES_PER_KWH
    return {
        "schema": SCHEMA,
        "row": number,
        "rows": count,
        **run_document(run, record.decisions),
        # A column is there whether or not this run has a figure for it.
        "cost": {name: getattr(run.cost, name) for name in Cost.__slots__},
        "pauses": [{"start": instant(p.start), "end": instant(p.end)} for p in record.pauses],
        "host": run.owner.host.partition("/")[0],
        "gpus": run.gpus,
        "idle_watts": run.idle_watts,
        "busy_s": run.busy_s,
        "peak_rss_bytes": run.peak_rss_bytes,
        "measured_j": run.measured_j,
        "energy_kwh": kwh,
        "emission_factor_g_per_kwh": None if not kwh or grams is None else grams / kwh,
        "ghg_scope": ghg_scope(run),
        "planned_on": _intensities(record.planned_on, terms.planned_on),
        "accounted_with": _intensities(record.accounted_with, terms.accounted_with),
        "priced_with": _prices(record.priced_with, terms),
        "attribution": terms.attribution,
        "exported_by": f"carbonwait {__version__}",
    }


def _intensities(source: Provenance | None, licence: str | None) -> Document:
    known: Document = dict.fromkeys(Provenance._fields) if source is None else source._asdict()
    return _in_words(known) | {"licence": licence}


def _prices(source: PriceProvenance | None, terms: Terms) -> Document:
    known: Document = dict.fromkeys(PriceProvenance._fields) if source is None else source._asdict()
    return _in_words(known) | {"licence": terms.priced_with}


def _in_words(known: Document) -> Document:
    instants = {name: instant(known[name]) for name in ("issued", "retrieved") if name in known}
    return known | instants


_NOBODY = Run("", "", None, 0.0, 0.0, "now", Owner("", "", "", 0, 0.0))
# What a file without runs takes the names of its columns from.
TEMPLATE = export_row(0, 0, Record(_NOBODY, (), (), None, None, None))
