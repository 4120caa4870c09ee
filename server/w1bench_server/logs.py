"""The log: one JSON object a line on standard error, from this service's loggers and its libraries' alike."""

import logging

import structlog
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name


def configure(level: str) -> None:
    """Set up the log of this process; lines written during a request carry its id."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                add_log_level,
                add_logger_name,
                ExtraAdder(),
                TimeStamper(fmt="iso", utc=True),
                format_exc_info,
            ],
            processors=[ProcessorFormatter.remove_processors_meta, JSONRenderer()],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper())
