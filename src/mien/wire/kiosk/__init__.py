"""The kiosk page: touchless check-in on a tablet."""
