"""Client of Monitoring. One file, Python 3.8 or later, standard library only: copy it beside your code.

    from monitoring_client import Monitoring
    monitoring = Monitoring("http://127.0.0.1:8080", api_key="...")
    call = monitoring.log("digits", inputs={"image": ([1, 784], pixels)}, outputs={"probabilities": ([1, 10], answer)}, client="acme")
    monitoring.feedback("digits", event_id=call, label="7")
    for incident in monitoring.incidents(state="open"):
        print(incident["id"], incident["sentence"])
"""
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class MonitoringError(Exception):
    """The server refused or could not be reached. `status` is the HTTP status, None without an answer."""

    def __init__(self, message, status=None):
        super().__init__(message)
        self.status = status


class Monitoring:
    """A connection; makes no call until asked. Raises MonitoringError, never hides a failure."""

    def __init__(self, url, api_key=None, timeout=10.0, retries=2):
        if not url.startswith(("http://", "https://")):
            raise ValueError("url must start with http:// or https://")
        self._url = url.rstrip("/")
        self._key = api_key
        self._timeout = timeout
        self._retries = retries

    def log(self, model, inputs, outputs, client=None, request_id=None, version="", event_id=None):
        """Publishes a call that was answered elsewhere. Tensors are name -> (shape, flat list of numbers). Returns the event's id.

        Sent as the two CloudEvents of KServe's logger, in the Open Inference Protocol, so any server version takes them.
        """
        event_id = event_id or str(uuid.uuid4())
        metadata = {"X-Client": [client]} if client else {}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        parts = (
            ("request", {"id": request_id or event_id, "inputs": [_tensor(n, t) for n, t in inputs.items()]}),
            ("response", {"model_name": model, "model_version": version, "id": request_id or event_id, "outputs": [_tensor(n, t) for n, t in outputs.items()]}),
        )
        for kind, body in parts:
            headers = {
                "ce-specversion": "1.0",
                "ce-id": event_id,
                "ce-source": "monitoring-client-python",
                "ce-type": "org.kubeflow.serving.inference." + kind,
                "ce-time": now,
                "ce-inferenceservicename": model,
                "ce-component": "predictor",
                "ce-endpoint": "default",
                "ce-metadata": json.dumps(metadata),
            }
            self._call("POST", "/events", body, headers)
        return event_id

    def feedback(self, model, label=None, value=None, event_id=None, request_id=None, row=0, author=None):
        """Says what the true answer was: a class (`label`) or a number (`value`), for a call by event id or request id."""
        item = {"model": model, "row": row}
        for key, content in (("label", label), ("value", value), ("eventId", event_id), ("requestId", request_id), ("author", author)):
            if content is not None:
                item[key] = content
        item["id"] = str(uuid.uuid4())
        return self._call("POST", "/feedback", item)["ids"][0]

    def change(self, summary, kind="deployment", model=None, author=None, link=None):
        """Marks a deployment, rollback, data job or other change on every timeline."""
        item = {"summary": summary, "kind": kind, "id": str(uuid.uuid4())}
        for key, content in (("model", model), ("author", author), ("link", link)):
            if content is not None:
                item[key] = content
        return self._call("POST", "/changes", item)["ids"][0]

    def incidents(self, **filters):
        """Incidents, newest first. Filters: state, severity, family, model, client, limit."""
        query = urllib.parse.urlencode({k: v for k, v in filters.items() if v is not None})
        page = self._call("GET", "/api/incidents" + ("?" + query if query else ""))
        return page if isinstance(page, list) else page.get("incidents", page.get("items", []))

    def _call(self, method, path, body=None, headers=None):
        data = None if body is None else json.dumps(body, allow_nan=False).encode("utf-8")
        all_headers = {"Accept": "application/json"}
        if data is not None:
            all_headers["Content-Type"] = "application/json"
        if self._key:
            all_headers["X-Api-Key"] = self._key
        all_headers.update(headers or {})
        for attempt in range(self._retries + 1):
            request = urllib.request.Request(self._url + path, data=data, headers=all_headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                    text = answer.read().decode("utf-8")
                    return json.loads(text) if text.strip() else None
            except urllib.error.HTTPError as error:
                text = error.read().decode("utf-8", "replace")
                # Every item carries its id, so repeating after 429 or 5xx does no harm.
                if error.code not in (429, 502, 503, 504) or attempt == self._retries:
                    raise MonitoringError("%s %s: %d %s" % (method, path, error.code, text[:500]), error.code) from None
            except urllib.error.URLError as error:
                if attempt == self._retries:
                    raise MonitoringError("%s %s: %s" % (method, path, error.reason)) from None
            time.sleep(0.2 * 2 ** attempt)
        raise AssertionError("unreachable")


def _tensor(name, tensor):
    shape, values = tensor
    count = 1
    for size in shape:
        count *= size
    values = list(values)
    if len(values) != count:
        raise ValueError("tensor %r: shape %r needs %d numbers, got %d" % (name, shape, count, len(values)))
    return {"name": name, "shape": list(shape), "datatype": "FP32", "data": values}
