import { JSONRPCErrorException } from 'json-rpc-2.0';
import * as v from 'valibot';

/** JSON-RPC 2.0, "Error object". */
const invalidParams = -32602;

/**
 * What `schema` makes of a request's parameters.
 * @throws JSONRPCErrorException (-32602) that names every member that is wrong
 */
export function checkedParams<Params>(
  schema: v.GenericSchema<unknown, Params>,
  given: unknown,
): Params {
  const checked = v.safeParse(schema, given);
  if (checked.success) return checked.output;
  const texts = checked.issues.map(
    (issue) => `${v.getDotPath(issue) ?? 'params'}: ${issue.message}`,
  );
  throw new JSONRPCErrorException(texts.join('; '), invalidParams);
}
