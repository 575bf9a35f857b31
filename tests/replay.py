"""Calls the signatures of an export as `loader.cc` does, in a Session of any TensorFlow.

    python tests/replay.py MODEL REQUESTS RESPONSES

Needs TensorFlow alone, of whatever version the export is to run in.
"""

import sys

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import NameAttrList


def answer(session, signature, request):
    inputs = {key: tf.make_ndarray(attr.tensor) for key, attr in request.attr.items()}
    feeds = {info.name: inputs[key] for key, info in signature.inputs.items()}
    fetches = {key: info.name for key, info in signature.outputs.items()}
    response = NameAttrList()
    for key, value in session.run(fetches, feeds).items():
        response.attr[key].tensor.CopyFrom(tf.make_tensor_proto(value, shape=value.shape))
    return response


def main(model, requests, responses):
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], model).signature_def
        with tf.io.TFRecordWriter(responses) as writer:
            for record in tf.compat.v1.io.tf_record_iterator(requests):
                request = NameAttrList.FromString(record)
                response = answer(session, signatures[request.name], request)
                writer.write(response.SerializeToString())
    print(tf.__version__)


if __name__ == "__main__":
    main(*sys.argv[1:])
