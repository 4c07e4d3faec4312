"""The channel between the liveness component and the server: messages, states, transitions."""
