"""Cameras and doors: recognition on tracks, rules, decisions, actuators, and their events."""
