"""Tests of Seachange: unit without a server, integration on real servers, acceptance by commands."""
