"""Mien: a self-hosted face service that speaks the Azure AI Face API."""
