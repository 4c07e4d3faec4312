"""Cameras and doors: whom a track shows, rules, decisions, actuators, and the events that they leave."""
