"""Starting the service."""

from __future__ import annotations

from seachange.tasks._task import Face, task

_LISTEN = {"host": "address to listen on", "port": "TCP port"}


@task(changes=True, help=_LISTEN)
def prod(face: Face, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the application."""
    from seachange.workflow.deploy import serve

    with face.new_run() as run:
        if face.dry_run:
            face.answer([f"would serve {face.settings.service} on {host}:{port}"], {"service": face.settings.service})
            return
        _ = run.server
        serve(run, host=host, port=port)


@task(changes=True, help={**_LISTEN, "serve": "start the service at the end"})
def deploy(face: Face, *, host: str = "127.0.0.1", port: int = 8000, serve: bool = True) -> None:
    """Validate, back up, migrate, seed, verify, then serve."""
    from seachange.workflow import deploy as use_case

    face.run(use_case.DEPLOY)
    if serve and not face.dry_run:
        with face.new_run() as run:
            use_case.serve(run, host=host, port=port)
