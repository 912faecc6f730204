"""Dashboards for Grafana: what they show (boards), their form (layout), and the files made of both (dashboards/).

``python -m quantum_memory.cluster.grafana`` writes the files anew. Nothing here talks to Grafana or to Ray.
"""
