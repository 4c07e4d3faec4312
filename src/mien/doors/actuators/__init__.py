"""Actuators: OSDP to a panel, an HTTP relay, an MQTT command, or none."""
