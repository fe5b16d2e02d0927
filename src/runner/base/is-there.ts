import { stat } from 'node:fs/promises';

/** Whether something has a name. @param look `lstat` where a link to nothing counts too */
export const isThere = (name: string, look: (name: string) => Promise<unknown> = stat): Promise<boolean> =>
  look(name).then(
    () => true,
    () => false,
  );
