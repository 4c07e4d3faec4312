"""What opens a door: OSDP to a panel, an HTTP relay, an MQTT command, or nothing."""
