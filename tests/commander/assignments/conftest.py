from support.playbook_farm import any_farm, farm

__all__ = ["any_farm", "farm"]
