"""Publishing while a run goes on, so that its pages can be looked at before it ends."""

import logging
from pathlib import Path

from store.errors import PublishRefused
from store.publish import is_due, lost_parts, publish

log = logging.getLogger(__name__)


class Publishing:
    """Publishes one run now and then, until its tables are refused.

    Those wait for the run's end, which raises it if it still holds: where a condition has gone from
    one stage to another, both hold it until the first is made anew.
    """

    def __init__(self) -> None:
        self._refused = False

    def after_part(self, run: Path) -> None:
        """Publish if it is time to."""
        if is_due(run):
            self.at_once(run)

    def at_once(self, run: Path) -> None:
        """Publish what there is by now, unless published parts are lost and on their way back."""
        if self._refused or lost_parts(run):
            return
        try:
            publish(run)
        except PublishRefused as error:
            log.warning("not published before the end: %s", error)
            self._refused = True
