// Validates Kubernetes objects with the schemas of the npm package kubernetes-models. Used by test_manifests.py.
// standard input: a JSON array of objects; prints one line for each, "ok" or what is wrong. Its text is given to node --eval, so
// that the package is looked for in the current folder.
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
for (const object of JSON.parse(Buffer.concat(chunks).toString())) {
    try {
        const models = await import(`kubernetes-models/${object.apiVersion}`);
        new models[object.kind](object).validate();
        console.log("ok");
    } catch (error) {
        console.log(String(error.message).replaceAll("\n", " "));
    }
}
