"""Playbooks: what the farm's CPU/GPU rigs mine, in revisions, applied to rigs at once or in stages."""

from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.form import PlaybookForm, WorkloadForm
from rigfarm.commander.playbooks.model import Assignment, Playbook, PlaybookContent, Revision

__all__ = ["Assignment", "Playbook", "PlaybookBook", "PlaybookContent", "PlaybookForm", "Revision", "WorkloadForm"]
